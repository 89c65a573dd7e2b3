import { mkdir, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { unpack } from './archive.ts';
import { claim, contentFolder, exists, partialKey, publish, release, touch, type Kind } from './cache.ts';
import { download } from './download.ts';
import { invalid, StoreError, storeErrorIn } from './errors.ts';
import { fileDigest, folderDigest, listFolder, requireInside, type Found } from './folder.ts';
import { assemble } from './layers.ts';
import { forEachParallel } from './parallel.ts';
import type { ResolveRequest, StoreHooks } from './request.ts';
import { isArchive, type Layer, type RemoteFile, type RemoteSource, type SourceContext } from './source.ts';

export interface Work<T> extends SourceContext {
  request: Pick<ResolveRequest, 'uri' | 'digest' | 'pinnedDigest'>;
  hooks: StoreHooks;
  /** What is wanted of content. Throws StoreError where it is not there: such content is not kept. */
  pick(found: Found, shown: string): T;
}

type Digested<T> = T & { digest: string };

const progressStepBytes = 1024 * 1024;
const downloadsAtOnce = 8;

/** Content whose digest is asked for or pinned, where it is here already. */
export async function fromCache<T>(work: Work<T>): Promise<Digested<T> | undefined> {
  const digest = wantedDigest(work);
  if (digest === undefined) return undefined;
  for (const kind of ['file', 'archive', 'folder'] as const) {
    const found = await cached(work, digest, kind);
    if (found) return found;
  }
  return undefined;
}

/** Files that lie on this machine are used in place; only archives are unpacked into the cache. */
export async function fromDisk<T>(path: string, root: string, work: Work<T>): Promise<Digested<T>> {
  const { subject, shown, limits, signal } = work;
  if ((await stat(path)).isDirectory()) {
    const paths = await listFolder(path, root, shown, limits);
    const found = work.pick({ kind: 'folder', folder: path, files: paths }, shown);
    const files: { path: string; digest: string }[] = [];
    for (const name of paths) files.push({ path: name, digest: await fileDigest(join(path, name), signal) });
    return { ...found, digest: requireDigest(folderDigest(files), work) };
  }
  await requireInside(path, root, shown);
  const named = isArchive(path) ? 'archive' : subject.named(basename(path));
  if (named === 'folder') throw invalid(`${shown} is no ${subject.files}, and no folder.`);
  const digest = requireDigest(await fileDigest(path, signal), work);
  if (named !== 'archive') {
    return { ...work.pick({ kind: 'file', folder: dirname(path), files: [basename(path)] }, shown), digest };
  }
  const found = await cached(work, digest, 'archive');
  if (found) return found;
  return withPart(work, [], async (part) => unpackInto(path, part, digest, work));
}

/** Downloads into a part of its own, checks the digest, and only then makes it content of the cache. */
export async function fromRemote<T>(source: RemoteSource, work: Work<T>): Promise<Digested<T>> {
  const { files } = source;
  return withPart(work, files, async (part) => {
    if (source.kind === 'layers') return layersInto(source.files, part, work);
    const folder = join(part, source.kind === 'archive' ? 'archive' : 'content');
    const digests = await downloadAll(files, folder, part, work);
    const digest = requireDigest(source.kind === 'folder' ? folderDigest(digests) : (digests[0]?.digest ?? ''), work);
    if (source.kind === 'archive') return unpackInto(join(folder, files[0]?.path ?? ''), part, digest, work);
    return keep(source.kind, folder, digests, digest, work);
  });
}

async function layersInto<T>(layers: Layer[], part: string, work: Work<T>): Promise<Digested<T>> {
  const folder = join(part, 'layers');
  await downloadAll(layers, folder, part, work);
  const content = join(part, 'content');
  await rm(content, { recursive: true, force: true });
  await mkdir(content);
  const digests = await assemble(layers, folder, content, work);
  return keep('folder', content, digests, requireDigest(folderDigest(digests), work), work);
}

/** Makes a part's folder content of the cache, where what is wanted of it is there. */
async function keep<T>(
  kind: Kind,
  folder: string,
  files: readonly { path: string }[],
  digest: string,
  work: Work<T>,
): Promise<Digested<T>> {
  work.pick({ kind, folder, files: files.map(({ path }) => path) }, work.shown);
  await publish(folder, work.storage.cacheDir, digest, kind);
  return required(await cached(work, digest, kind));
}

/** A part that can be gone on with is kept for the next attempt; any other is removed. */
async function withPart<T>(work: Work<unknown>, files: RemoteFile[], use: (part: string) => Promise<T>): Promise<T> {
  const { request, storage } = work;
  const versions = files.map(({ path, size, version }) => version && JSON.stringify([path, size, version]));
  const source = JSON.stringify([request.uri, storage.endpoint]);
  const key = await partialKey(source, files.length === 0 ? [undefined] : versions);
  const part = await claim(storage.cacheDir, key, Date.now());
  try {
    const result = await use(part);
    await rm(part, { recursive: true, force: true });
    return result;
  } catch (error) {
    const isResumable = work.signal.aborted || storeErrorIn(error)?.code === 'StorageUnavailable';
    if (isResumable && !versions.includes(undefined) && files.length > 0) await release(part, key);
    else await rm(part, { recursive: true, force: true });
    throw error;
  }
}

async function downloadAll(
  files: RemoteFile[],
  folder: string,
  part: string,
  work: Work<unknown>,
): Promise<{ path: string; digest: string }[]> {
  const { hooks, limits, shown, signal } = work;
  const sizes = files.map(({ size }) => size);
  const bytesTotal = sizes.reduce<number | undefined>(
    (sum, size) => (sum === undefined || size === undefined ? undefined : sum + size),
    0,
  );
  let bytesDone = 0;
  let told = -progressStepBytes;
  const tell = (always = false): void => {
    if (!always && Math.abs(bytesDone - told) < progressStepBytes) return;
    told = bytesDone;
    hooks.onProgress({ phase: 'Downloading', bytesDone, ...(bytesTotal !== undefined && { bytesTotal }) });
    touch(part, Date.now()).catch(() => undefined);
  };
  tell();
  const digests: { path: string; digest: string }[] = [];
  const failing = new AbortController();
  const either = AbortSignal.any([signal, failing.signal]);
  await forEachParallel(files, downloadsAtOnce, async (file, index) => {
    let size = 0;
    const onBytes = (bytes: number): void => {
      bytesDone += bytes - size;
      size = bytes;
      tell();
    };
    try {
      const digest = await download(file, folder, shown, limits, { onBytes, signal: either, log: hooks.log });
      digests[index] = { path: file.path, digest };
    } catch (error) {
      // Those that are stopped say why, not that they were.
      failing.abort(error);
      throw failing.signal.reason;
    }
  });
  tell(true);
  return digests;
}

async function unpackInto<T>(archive: string, part: string, digest: string, work: Work<T>): Promise<Digested<T>> {
  const { shown, limits, signal } = work;
  const folder = join(part, 'content');
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder);
  const compression = /\.(tar\.gz|tgz)$/i.test(archive) ? 'gzip' : 'none';
  const paths = await unpack({ path: archive, compression }, folder, shown, limits, signal);
  return keep(
    'archive',
    folder,
    paths.map((path) => ({ path })),
    digest,
    work,
  );
}

async function cached<T>(work: Work<T>, digest: string, kind: Kind): Promise<Digested<T> | undefined> {
  const { storage, shown, limits } = work;
  const folder = contentFolder(storage.cacheDir, digest, kind);
  if (!(await exists(folder))) return undefined;
  const files = await listFolder(folder, folder, shown, limits);
  return { ...work.pick({ kind, folder, files }, shown), digest };
}

function required<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('what was put into the cache is not there');
  return value;
}

/** What the deployment asks for stands above what was pinned before it asked. */
const wantedDigest = ({ request }: Work<unknown>): string | undefined => request.digest ?? request.pinnedDigest;

function requireDigest(digest: string, work: Work<unknown>): string {
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
