import { mkdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { unpack } from './archive.ts';
import { claim, contentFolder, exists, partialKey, publish, release, touch, type Kind } from './cache.ts';
import { download } from './download.ts';
import { invalidModel, StoreError, storeErrorIn } from './errors.ts';
import { fileDigest, folderDigest, listFolder, pickModel, requireInside } from './folder.ts';
import type { ResolvedModel, ResolveRequest, StoreHooks } from './request.ts';
import { isArchive, isModelFile, type RemoteFile, type SourceContext } from './source.ts';

export interface Work extends SourceContext {
  request: ResolveRequest;
  hooks: StoreHooks;
}

const progressStepBytes = 1024 * 1024;

/** Content whose digest is asked for or pinned, where it is here already. */
export async function fromCache(work: Work): Promise<ResolvedModel | undefined> {
  const digest = wantedDigest(work);
  if (digest === undefined) return undefined;
  for (const kind of ['file', 'archive', 'folder'] as const) {
    const found = await cached(work, digest, kind);
    if (found) return found;
  }
  return undefined;
}

/** Files that lie on this machine are used in place; only archives are unpacked into the cache. */
export async function fromDisk(path: string, root: string, work: Work): Promise<ResolvedModel> {
  const { shown, limits, signal } = work;
  if ((await stat(path)).isDirectory()) {
    const paths = await listFolder(path, root, shown, limits);
    const found = pickModel(path, paths, shown);
    const files: { path: string; digest: string }[] = [];
    for (const name of paths) files.push({ path: name, digest: await fileDigest(join(path, name), signal) });
    return { ...found, digest: requireDigest(folderDigest(files), work) };
  }
  await requireInside(path, root, shown);
  if (!isModelFile(path) && !isArchive(path)) {
    throw invalidModel(`${shown} is no .onnx, .ort, .tar, .tar.gz or .tgz file, and no folder.`);
  }
  const digest = requireDigest(await fileDigest(path, signal), work);
  if (isModelFile(path)) return { modelPath: path, directory: dirname(path), digest };
  const found = await cached(work, digest, 'archive');
  if (found) return found;
  return withPart(work, [], async (part) => unpackInto(path, part, digest, work));
}

/** Downloads into a part of its own, checks the digest, and only then makes it content of the cache. */
export async function fromRemote(kind: Kind, files: RemoteFile[], work: Work): Promise<ResolvedModel> {
  return withPart(work, files, async (part) => {
    const folder = join(part, kind === 'archive' ? 'archive' : 'content');
    const digests = await downloadAll(files, folder, part, work);
    const digest = requireDigest(kind === 'folder' ? folderDigest(digests) : (digests[0]?.digest ?? ''), work);
    if (kind === 'archive') return unpackInto(join(folder, files[0]?.path ?? ''), part, digest, work);
    pickModel(
      folder,
      files.map(({ path }) => path),
      work.shown,
    );
    await publish(folder, work.storage.cacheDir, digest, kind);
    return required(await cached(work, digest, kind));
  });
}

/** A part that can be gone on with is kept for the next attempt; any other is removed. */
async function withPart<T>(work: Work, files: RemoteFile[], use: (part: string) => Promise<T>): Promise<T> {
  const { request, storage } = work;
  const versions = files.map(({ path, size, version }) => version && JSON.stringify([path, size, version]));
  const source = JSON.stringify([request.uri, storage.s3Endpoint]);
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
  work: Work,
): Promise<{ path: string; digest: string }[]> {
  const { hooks, limits, shown, signal } = work;
  const sizes = files.map(({ size }) => size);
  const bytesTotal = sizes.reduce<number | undefined>(
    (sum, size) => (sum === undefined || size === undefined ? undefined : sum + size),
    0,
  );
  let bytesBefore = 0;
  let told = -progressStepBytes;
  const tell = (bytesDone: number, always = false): void => {
    if (!always && Math.abs(bytesDone - told) < progressStepBytes) return;
    told = bytesDone;
    hooks.onProgress({ phase: 'Downloading', bytesDone, ...(bytesTotal !== undefined && { bytesTotal }) });
    touch(part, Date.now()).catch(() => undefined);
  };
  tell(0);
  const digests: { path: string; digest: string }[] = [];
  for (const file of files) {
    let size = 0;
    const onBytes = (bytes: number): void => {
      size = bytes;
      tell(bytesBefore + bytes);
    };
    const digest = await download(file, folder, shown, limits, { onBytes, signal, log: hooks.log });
    bytesBefore += size;
    digests.push({ path: file.path, digest });
  }
  tell(bytesBefore, true);
  return digests;
}

async function unpackInto(archive: string, part: string, digest: string, work: Work): Promise<ResolvedModel> {
  const { shown, limits, signal, storage } = work;
  const folder = join(part, 'content');
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder);
  const paths = await unpack(archive, folder, shown, limits, signal);
  pickModel(folder, paths, shown);
  await publish(folder, storage.cacheDir, digest, 'archive');
  return required(await cached(work, digest, 'archive'));
}

async function cached(
  { storage, shown, limits }: Work,
  digest: string,
  kind: Kind,
): Promise<ResolvedModel | undefined> {
  const folder = contentFolder(storage.cacheDir, digest, kind);
  if (!(await exists(folder))) return undefined;
  return { ...pickModel(folder, await listFolder(folder, folder, shown, limits), shown), digest };
}

function required<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('what was put into the cache is not there');
  return value;
}

/** What the deployment asks for stands above what was pinned before it asked. */
const wantedDigest = ({ request }: Work): string | undefined => request.digest ?? request.pinnedDigest;

function requireDigest(digest: string, work: Work): string {
  const wanted = wantedDigest(work);
  if (wanted === undefined || wanted === digest) return digest;
  const cure =
    work.request.digest === undefined
      ? 'Other replicas serve what was there first: put it back, or name the new content by a new URI or by spec.model.digest.'
      : 'Put the right content there, or set spec.model.digest to what it has.';
  throw new StoreError('DigestMismatch', `${work.shown} has the digest ${digest}, not ${wanted}. ${cure}`, {
    retrying: false,
  });
}
