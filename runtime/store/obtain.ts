import { mkdir, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { unpack } from './archive.ts';
import { cached, digestOf, intactContent } from './cached.ts';
import { contentFolder, contentKey, hexOf, knownDigest, publish, setKnown, type Kind } from './cache.ts';
import { download } from './download.ts';
import { invalid } from './errors.ts';
import { fileDigest, folderDigest, listFolder, requireInside } from './folder.ts';
import { assemble } from './layers.ts';
import { lease } from './leases.ts';
import { forEachParallel } from './parallel.ts';
import { placeName, versionsOf, withPart } from './parts.ts';
import { isArchive, type Layer, type RemoteFile, type RemoteSource } from './source.ts';
import { inTurn } from './turns.ts';
import { requireDigest, wantedDigest, type Digested, type Work } from './work.ts';

const progressStepBytes = 1024 * 1024;
const downloadsAtOnce = 8;

/** Files that lie on this machine are used in place; only archives are unpacked into the cache. */
export async function fromDisk<T>(path: string, root: string, work: Work<T>): Promise<Digested<T>> {
  const { subject, shown, limits, signal } = work;
  if ((await stat(path)).isDirectory()) {
    const paths = await listFolder(path, root, shown, limits);
    const found = work.pick({ kind: 'folder', folder: path, files: paths }, shown);
    return { ...found, digest: requireDigest(await digestOf(path, paths, 'folder', signal), work) };
  }
  await requireInside(path, root, shown);
  const named = isArchive(path) ? 'archive' : subject.named(basename(path));
  if (named === 'folder') throw invalid(`${shown} is no ${subject.files}, and no folder.`);
  const digest = requireDigest(await fileDigest(path, signal), work);
  if (named !== 'archive') {
    return { ...work.pick({ kind: 'file', folder: dirname(path), files: [basename(path)] }, shown), digest };
  }
  return alone(digest, work, async () => {
    const found = await cached(work, digest, 'archive');
    if (found) return found;
    return withPart(work, [], 2 * (await stat(path)).size, (part) => unpackInto(path, part, digest, work));
  });
}

/**
 * Content whose digest is known, as it was loaded before from equal versions of its files, is taken from the cache. Any other is downloaded
 * into a part of its own, has its digest checked, and only then becomes content of the cache.
 */
export async function fromRemote<T>(source: RemoteSource, work: Work<T>): Promise<Digested<T>> {
  const { cacheDir } = work.storage;
  const versions = versionsOf(source.files);
  if (versions.includes(undefined)) return downloaded(source, work);
  const checksums = source.files.map(({ checksum }) => checksum?.expected);
  const key = contentKey([source.kind, placeName(work), versions, checksums]);
  return alone(key, work, async () => {
    const digest = wantedDigest(work) ?? (await knownDigest(cacheDir, key));
    const found = digest && (await cached(work, digest, source.kind === 'layers' ? 'folder' : source.kind));
    if (found) return found;
    const fresh = await downloaded(source, work);
    await setKnown(cacheDir, key, fresh.digest);
    return fresh;
  });
}

function downloaded<T>(source: RemoteSource, work: Work<T>): Promise<Digested<T>> {
  const { files } = source;
  return withPart(work, files, roomFor(source), async (part) => {
    if (source.kind === 'layers') return layersInto(source.files, part, work);
    const folder = join(part, source.kind === 'archive' ? 'archive' : 'content');
    const digests = await downloadAll(files, folder, work);
    const digest = requireDigest(source.kind === 'folder' ? folderDigest(digests) : (digests[0]?.digest ?? ''), work);
    if (source.kind === 'archive') return unpackInto(join(folder, files[0]?.path ?? ''), part, digest, work);
    return keep(source.kind, folder, digests, digest, work);
  });
}

/** Those who share the cache and want the same come one after the other. */
async function alone<T>(key: string, work: Work<unknown>, act: () => Promise<T>): Promise<T> {
  const { storage, shown, signal, hooks } = work;
  const onWait = (): void => {
    hooks.onProgress({ phase: 'Downloading' });
    hooks.log.info({ uri: shown }, 'somebody else gets the same content; waiting for it');
  };
  return inTurn(storage.cacheDir, hexOf(key), { signal, onWait }, act);
}

async function layersInto<T>(layers: Layer[], part: string, work: Work<T>): Promise<Digested<T>> {
  const folder = join(part, 'layers');
  await downloadAll(layers, folder, work);
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
  const { storage, shown, limits, signal, hooks } = work;
  const paths = files.map(({ path }) => path);
  work.pick({ kind, folder, files: paths }, shown);
  hooks.cacheEvents?.looked('miss');
  const there = await intactContent(work, digest, kind);
  if (there) return there;
  await lease(storage.cacheDir, hexOf(digest), signal);
  await publish(folder, paths, storage.cacheDir, digest, kind);
  const content = contentFolder(storage.cacheDir, digest, kind);
  return {
    ...work.pick({ kind, folder: content, files: await listFolder(content, content, shown, limits) }, shown),
    digest,
  };
}

/** Bytes that a download takes on the disk, unpacked where it is packed; undefined where its source does not say. */
function roomFor(source: RemoteSource): number | undefined {
  const sizes = source.files.map(({ size }) => size);
  const bytes = sumOf(sizes);
  return bytes === undefined || source.kind === 'file' || source.kind === 'folder' ? bytes : 2 * bytes;
}

function sumOf(sizes: readonly (number | undefined)[]): number | undefined {
  return sizes.reduce((sum, size) => (sum === undefined || size === undefined ? undefined : sum + size), 0);
}

async function downloadAll(
  files: RemoteFile[],
  folder: string,
  work: Work<unknown>,
): Promise<{ path: string; digest: string }[]> {
  const { hooks, limits, shown, signal } = work;
  const bytesTotal = sumOf(files.map(({ size }) => size));
  let bytesDone = 0;
  let told = -progressStepBytes;
  const tell = (always = false): void => {
    if (!always && Math.abs(bytesDone - told) < progressStepBytes) return;
    told = bytesDone;
    hooks.onProgress({ phase: 'Downloading', bytesDone, ...(bytesTotal !== undefined && { bytesTotal }) });
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
