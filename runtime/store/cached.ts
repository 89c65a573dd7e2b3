import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { contentFolder, discard, exists, hexOf, isIntact, kinds, placeOf, type Kind } from './cache.ts';
import { storeErrorIn, systemCode } from './errors.ts';
import { fileDigest, folderDigest, listFolder } from './folder.ts';
import { lease } from './leases.ts';
import { prune } from './pruning.ts';
import { wantedDigest, type Digested, type Work } from './work.ts';

/** Content whose digest is asked for or pinned, where it is here already. */
export async function fromCache<T>(work: Work<T>): Promise<Digested<T> | undefined> {
  const digest = wantedDigest(work);
  if (digest === undefined) return undefined;
  for (const kind of kinds) {
    const found = await cached(work, digest, kind);
    if (found) return found;
  }
  return undefined;
}

/** The same, where that spares its download. */
export async function cached<T>(work: Work<T>, digest: string, kind: Kind): Promise<Digested<T> | undefined> {
  const found = await intactContent(work, digest, kind);
  if (!found) return undefined;
  work.hooks.cacheEvents?.looked('hit');
  await tidy(work);
  return found;
}

/** Content of the cache, which is in use from now on. What is damaged is removed. */
export async function intactContent<T>(work: Work<T>, digest: string, kind: Kind): Promise<Digested<T> | undefined> {
  const { storage, shown, signal, hooks } = work;
  const { cacheDir } = storage;
  const folder = contentFolder(cacheDir, digest, kind);
  if (!(await exists(dirname(folder)))) return undefined;
  const end = await lease(cacheDir, hexOf(digest), signal);
  let isUsed = false;
  try {
    const place = placeOf(cacheDir, hexOf(digest));
    const found = await stat(place).catch(() => undefined);
    const files = found && (await intactFiles(folder, digest, kind, work));
    if (files) {
      const picked = work.pick({ kind, folder, files }, shown);
      isUsed = true;
      return { ...picked, digest };
    }
    // Somebody else may have put it right meanwhile.
    const isSame = found && (await stat(place).catch(() => undefined))?.ino === found.ino;
    if (isSame && (await discard(cacheDir, place))) {
      hooks.cacheEvents?.looked('damaged');
      hooks.log.warn({ uri: shown, digest }, 'content of the cache was damaged and is removed');
    }
    return undefined;
  } finally {
    if (!isUsed) await end();
  }
}

/** Content that was read whole and found right by this process. */
const verified = new Set<string>();

/** The files of a content; undefined where it is not what was put there. */
async function intactFiles(
  folder: string,
  digest: string,
  kind: Kind,
  { request, shown, limits, signal }: Work<unknown>,
): Promise<string[] | undefined> {
  try {
    const files = await listFolder(folder, folder, shown, limits);
    if (!(await isIntact(folder, files))) return undefined;
    if (request.digest === undefined || kind === 'archive') return files;
    const { ino, birthtimeMs } = await stat(folder);
    const name = `${folder} ${ino} ${birthtimeMs}`;
    if (!verified.has(name) && (await digestOf(folder, files, kind, signal)) !== digest) return undefined;
    verified.add(name);
    return files;
  } catch (error) {
    if (signal.aborted || !(storeErrorIn(error) || ['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')))
      throw error;
    return undefined;
  }
}

/** The digest of a file, or of files in a folder. */
export async function digestOf(
  folder: string,
  paths: readonly string[],
  kind: 'file' | 'folder',
  signal: AbortSignal,
): Promise<string> {
  const files: { path: string; digest: string }[] = [];
  for (const path of paths) files.push({ path, digest: await fileDigest(join(folder, path), signal) });
  return kind === 'folder' ? folderDigest(files) : (files[0]?.digest ?? '');
}

/** Keeps the cache within its limit, as far as its content is not in use. */
export async function tidy({ storage, hooks }: Pick<Work<unknown>, 'storage' | 'hooks'>): Promise<void> {
  await prune(storage.cacheDir, () => storage.cacheMaxBytes, hooks).catch((error: unknown) =>
    hooks.log.warn({ err: error }, 'the cache could not be pruned'),
  );
}
