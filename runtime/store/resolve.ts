import type { ServedScheme } from '../contract.ts';
import { openConnections } from './connections.ts';
import { ContentChanged } from './download.ts';
import { denied, full, invalid, isFull, notFound, storeErrorIn, systemCode, unavailable } from './errors.ts';
import { file } from './file.ts';
import { gs } from './gs.ts';
import { hf } from './hf.ts';
import { http } from './http.ts';
import { fromCache } from './cached.ts';
import { fromDisk, fromRemote } from './obtain.ts';
import { oci } from './oci.ts';
import { pvc } from './pvc.ts';
import type { Found } from './folder.ts';
import type { ResolveRequest, StoreHooks } from './request.ts';
import { s3 } from './s3.ts';
import { shownUri, type Scheme, type StoreLimits, type Subject } from './source.ts';
import type { Work } from './work.ts';

/** `file` is served on laptops alone, so it is none of the served ones that the operator lets through. */
const schemes: Readonly<Record<ServedScheme | 'file', Scheme>> = { file, gs, hf, http, https: http, oci, pvc, s3 };

const isKnown = (name: string): name is keyof typeof schemes => Object.hasOwn(schemes, name);

type Request = Pick<ResolveRequest, 'uri' | 'digest' | 'pinnedDigest' | 'storage'> & { limits: StoreLimits };

/** Gets what a URI names onto this machine, and picks of it what is wanted. Rejects with StoreError, or with the signal's reason. */
export async function obtain<T>(
  subject: Subject,
  pick: (found: Found, shown: string) => T,
  request: Request,
  hooks: StoreHooks,
): Promise<T & { digest: string }> {
  const { storage, limits } = request;
  const url = URL.canParse(request.uri) ? new URL(request.uri) : undefined;
  const name = url?.protocol.slice(0, -1) ?? '';
  if (!url || !isKnown(name)) {
    throw invalid(`The scheme of ${subject.field}.uri is none of ${Object.keys(schemes).join(', ')}.`);
  }
  const scheme = schemes[name];
  const shown = shownUri(url);
  hooks.onProgress({ phase: 'Resolving' });
  const connections = openConnections(storage.allowedCidrs, storage.ca, limits);
  const { signal } = hooks;
  const work: Work<T> = { subject, pick, request, hooks, url, shown, storage, limits, connections, signal };
  try {
    return (await fromCache(work)) ?? (await fromSource(scheme, work));
  } catch (error) {
    if (hooks.signal.aborted) throw hooks.signal.reason;
    throw explained(error, shown, subject, storage);
  } finally {
    await connections.close();
  }
}

function explained(error: unknown, shown: string, { noun }: Subject, storage: Request['storage']): unknown {
  const own = storeErrorIn(error);
  if (own) return own;
  const code = systemCode(error);
  if (isFull(error)) {
    return full(
      `The cache has no room left for the ${noun} at ${shown}, and nothing to remove that nobody uses. Give it more, or make the ${noun} smaller.`,
      error,
    );
  }
  if ((code === 'EACCES' || code === 'EPERM' || code === 'EROFS') && isOfCache(error, storage.cacheDir)) {
    return unavailable(
      `The cache cannot be written by the user that the runtime runs as (${code}). Name a volume that is mounted for writing; pods that share it run as one user.`,
      error,
    );
  }
  if (code === 'ENOENT' || code === 'ENOTDIR') return notFound(`There is no ${noun} at ${shown}.`);
  if (code === 'EACCES' || code === 'EPERM')
    return denied(`${shown} may not be read by the user that the runtime runs as.`);
  if (error instanceof ContentChanged) return unavailable(`${shown} keeps changing while it is read.`, error);
  if (error instanceof URIError) return invalid(`${shown} has a percent sign that encodes nothing.`);
  if (code === undefined && !(error instanceof Error && 'cause' in error)) return error;
  return unavailable(`${shown} cannot be read: ${code ?? (error as Error).message}.`, error);
}

const isOfCache = (error: unknown, cacheDir: string): boolean =>
  error instanceof Error && 'path' in error && String(error.path).startsWith(cacheDir);

async function fromSource<T>(scheme: Scheme, work: Work<T>): Promise<T & { digest: string }> {
  for (let changes = 0; ; changes++) {
    const source = await scheme(work);
    try {
      if (source.kind === 'local') return await fromDisk(source.path, source.root, work);
      return await fromRemote(source, work);
    } catch (error) {
      if (!(error instanceof ContentChanged) || changes === 2) throw error;
      work.hooks.log.warn({ uri: work.shown }, `the ${work.subject.noun} changed while it was read; starting over`);
    }
  }
}
