import { invalid } from './errors.ts';
import type { SourceContext } from './source.ts';

/** What an `oci://` URI names. */
export interface OciReference {
  /** As credentials name it: HOST or HOST:PORT. */
  registry: string;
  /** Where it answers. */
  origin: URL;
  repository: string;
  /** A tag or a digest. */
  reference: string;
}

const component = '[a-z0-9]+(?:(?:\\.|_{1,2}|-+)[a-z0-9]+)*';
const form = new RegExp(
  `^/(${component}(?:/${component})*)(?::([a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}))?(?:@(sha256:[0-9a-f]{64}))?$`,
);

/** Throws StoreError. */
export function ociReference({ url, shown, storage, subject }: SourceContext): OciReference {
  const [, path, tag, digest] = form.exec(url.pathname) ?? [];
  if (path === undefined || url.host === '' || url.search !== '' || url.hash !== '') {
    throw invalid(
      `${shown} names nothing in a registry: write oci://REGISTRY/REPOSITORY:TAG or oci://REGISTRY/REPOSITORY@sha256:DIGEST, ` +
        `the repository in lower case, in ${subject.field}.uri.`,
    );
  }
  const isDockerHub = url.host === 'docker.io' || url.host === 'index.docker.io';
  const host = isDockerHub ? 'registry-1.docker.io' : url.host;
  return {
    registry: isDockerHub ? 'docker.io' : url.host,
    origin: new URL(storage.endpoint ?? `https://${host}`),
    repository: isDockerHub && !path.includes('/') ? `library/${path}` : path,
    reference: digest ?? tag ?? 'latest',
  };
}
