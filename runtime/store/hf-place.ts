import { invalid } from './errors.ts';
import { pathProblem, type SourceContext } from './source.ts';

/** What an `hf://` URI names. */
export interface HubPlace {
  type: 'models' | 'datasets';
  /** ORG/NAME. */
  repository: string;
  /** In the repository, without a `/` at either end; empty for all of it. */
  path: string;
  /** A branch, a tag or a commit. */
  revision: string;
}

const name = /^[A-Za-z0-9][-._A-Za-z0-9]{0,95}$/;

/** Throws StoreError. */
export function hubPlace({ url, shown, subject }: SourceContext): HubPlace {
  const whole = decodeURIComponent(`${url.host}${url.pathname}`);
  const at = whole.lastIndexOf('@');
  const revision = at === -1 ? 'main' : whole.slice(at + 1);
  const parts = (at === -1 ? whole : whole.slice(0, at)).replace(/\/+$/, '').split('/');
  const type = parts[0] === 'datasets' ? 'datasets' : 'models';
  const [organisation = '', repository = '', ...inner] = type === 'datasets' ? parts.slice(1) : parts;
  const path = inner.join('/');
  const isName = (part: string): boolean => name.test(part) && !part.includes('..');
  if (
    !isName(organisation) ||
    !isName(repository) ||
    pathProblem(revision) !== undefined ||
    (path !== '' && pathProblem(path) !== undefined) ||
    url.search !== '' ||
    url.hash !== ''
  ) {
    throw invalid(
      `${shown} names nothing on a hub: write hf://ORG/NAME, hf://ORG/NAME/PATH or hf://ORG/NAME/PATH@REVISION, or ` +
        `hf://datasets/ORG/NAME/PATH, in ${subject.field}.uri.`,
    );
  }
  return { type, repository: `${organisation}/${repository}`, path, revision };
}
