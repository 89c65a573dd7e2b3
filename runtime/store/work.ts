import { StoreError } from './errors.ts';
import type { Found } from './folder.ts';
import type { ResolveRequest, StoreHooks } from './request.ts';
import type { SourceContext } from './source.ts';

export interface Work<T> extends SourceContext {
  request: Pick<ResolveRequest, 'uri' | 'digest' | 'pinnedDigest'>;
  hooks: StoreHooks;
  /** What is wanted of content. Throws StoreError where it is not there: such content is not kept. */
  pick(found: Found, shown: string): T;
}

/** Content, and what it is. */
export type Digested<T> = T & { digest: string };

/** What the deployment asks for stands above what was pinned before it asked. */
export const wantedDigest = ({ request }: Work<unknown>): string | undefined => request.digest ?? request.pinnedDigest;

/** Throws StoreError where another digest is asked for or pinned. */
export function requireDigest(digest: string, work: Work<unknown>): string {
  const { field } = work.subject;
  const wanted = wantedDigest(work);
  if (wanted === undefined || wanted === digest) return digest;
  const cure =
    work.request.digest === undefined
      ? `Other replicas serve what was there first: put it back, or name the new content by a new URI or by ${field}.digest.`
      : `Put the right content there, or set ${field}.digest to what it has.`;
  throw new StoreError('DigestMismatch', `${work.shown} has the digest ${digest}, not ${wanted}. ${cure}`, {
    retrying: false,
  });
}
