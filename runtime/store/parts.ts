import type { RemoteFile } from './source.ts';
import { claim, partialKey, release, removePart } from './cache.ts';
import { tidy } from './cached.ts';
import { isFull, storeErrorIn } from './errors.ts';
import { prune } from './pruning.ts';
import type { Work } from './work.ts';

export const versionsOf = (files: readonly RemoteFile[]): (string | undefined)[] =>
  files.map(({ path, size, version }) => version && JSON.stringify([path, size, version]));

export const placeName = ({ request, storage }: Work<unknown>): string =>
  JSON.stringify([request.uri, storage.endpoint]);

/**
 * A part that can be gone on with is kept for the next attempt; any other is removed.
 *
 * @param bytes that the part will hold: the cache makes room for them first
 */
export async function withPart<T>(
  work: Work<unknown>,
  files: RemoteFile[],
  bytes: number | undefined,
  use: (part: string) => Promise<T>,
): Promise<T> {
  const { storage } = work;
  const versions = versionsOf(files);
  const key = await partialKey(placeName(work), files.length === 0 ? [undefined] : versions);
  const part = await withRoom(work, bytes, () => claim(storage.cacheDir, key, bytes));
  try {
    await tidy(work);
    const result = await withRoom(work, bytes, () => use(part));
    await removePart(part);
    await tidy(work);
    return result;
  } catch (error) {
    const isResumable = work.signal.aborted || storeErrorIn(error)?.code === 'StorageUnavailable';
    if (isResumable && !versions.includes(undefined) && files.length > 0) await release(part, key);
    else await removePart(part);
    throw error;
  }
}

/** Does something again while the disk is full and there is something to remove from it that nobody uses. */
async function withRoom<T>(
  { storage, hooks, shown }: Work<unknown>,
  bytes: number | undefined,
  use: () => Promise<T>,
): Promise<T> {
  for (;;) {
    try {
      return await use();
    } catch (error) {
      if (!isFull(error)) throw error;
      hooks.log.warn({ uri: shown }, 'the disk of the cache is full');
      if ((await prune(storage.cacheDir, (held) => held - (bytes ?? 1), hooks)) === 0) throw error;
    }
  }
}
