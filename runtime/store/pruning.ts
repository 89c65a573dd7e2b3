import { readdir, readFile, rm, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { discard, hexOf, isFree, kinds, placeOf, publishedBytes, reservedBytes } from './cache.ts';
import { timeIn } from './kept.ts';
import { lastUseMs, removeUnused, sweepLeases } from './leases.ts';
import { isAbandoned } from './owner.ts';
import type { StoreHooks } from './request.ts';
import { isOver } from './turns.ts';

type PruneHooks = Pick<StoreHooks, 'log' | 'cacheEvents'>;

/** After so long nobody is going to go on with a download that was cut. */
const forgottenMs = 24 * 60 * 60_000;

/** What may have to go. */
interface Item {
  digest?: string;
  bytes: number;
  usedAtMs: number;
  /** False where it is in use, or gone. */
  remove: () => Promise<boolean>;
}

/**
 * Removes the least recently used of what nobody uses until the cache holds no more than so many bytes, downloads at the size that they
 * will have. Gives the bytes that were removed. What owners that died left goes first, whatever the limit.
 *
 * @param limitBytes of what the cache holds now
 */
export async function prune(
  cacheDir: string,
  limitBytes: (heldBytes: number) => number,
  { log, cacheEvents }: PruneHooks,
): Promise<number> {
  const nowMs = await timeIn(cacheDir);
  await sweep(cacheDir, nowMs);
  const { items, fixedBytes } = await survey(cacheDir, nowMs);
  const heldBytes = items.reduce((sum, { bytes }) => sum + bytes, fixedBytes);
  let excess = heldBytes - limitBytes(heldBytes);
  let removedBytes = 0;
  for (const { digest, bytes, remove } of items.toSorted((a, b) => a.usedAtMs - b.usedAtMs)) {
    if (excess <= 0) break;
    if (!(await remove())) continue;
    excess -= bytes;
    removedBytes += bytes;
    log.info({ ...(digest !== undefined && { digest }), bytes }, 'content left the cache for other');
  }
  if (removedBytes > 0) cacheEvents?.pruned(removedBytes);
  cacheEvents?.holds(heldBytes - removedBytes);
  return removedBytes;
}

/** Everything in the cache that takes room. `fixedBytes` are of downloads that are under way. */
async function survey(cacheDir: string, nowMs: number): Promise<{ items: Item[]; fixedBytes: number }> {
  const items: Item[] = [];
  let fixedBytes = 0;
  for (const hex of await namesIn(join(cacheDir, 'sha256'))) {
    const place = placeOf(cacheDir, hex);
    const sizes = await Promise.all(kinds.map((kind) => publishedBytes(cacheDir, hex, kind)));
    items.push({
      digest: `sha256:${hex}`,
      bytes: sizes.reduce((sum, size) => sum + size, 0),
      usedAtMs: (await lastUseMs(cacheDir, hex)) ?? (await changedAtMs(place)),
      remove: async () => {
        let gone = false;
        const removed = await removeUnused(cacheDir, hex, async () => {
          gone = !(await discard(cacheDir, place));
        });
        return removed && !gone;
      },
    });
  }
  for (const name of await namesIn(join(cacheDir, 'partial'))) {
    const part = join(cacheDir, 'partial', name);
    const changedMs = await changedAtMs(part);
    if (!(await isFree(part, nowMs))) {
      fixedBytes += (await reservedBytes(part)) || (await bytesIn(part));
      continue;
    }
    if (changedMs + forgottenMs < nowMs) {
      await discard(cacheDir, part);
      continue;
    }
    items.push({
      bytes: await bytesIn(part),
      usedAtMs: changedMs,
      remove: () => discard(cacheDir, part),
    });
  }
  return { items, fixedBytes };
}

/** What dead owners left, but for parts, which somebody may go on with. */
async function sweep(cacheDir: string, nowMs: number): Promise<void> {
  const path = (...names: string[]): string => join(cacheDir, ...names);
  for (const name of await namesIn(path('trash')))
    if (await isAbandoned(path('trash', name), name, nowMs))
      // Others may be at it too.
      await rm(path('trash', name), { recursive: true, force: true }).catch(() => undefined);
  for (const name of await namesIn(path('turns')))
    if (await isOver(cacheDir, path('turns', name))) await discard(cacheDir, path('turns', name));
    else await rmdir(path('turns', name)).catch(() => undefined);
  const there = new Set(await namesIn(path('sha256')));
  for (const hex of await namesIn(path('leases'))) if (!there.has(hex)) await sweepLeases(cacheDir, hex, nowMs);
  for (const key of await namesIn(path('known')))
    if (!there.has(hexOf(await readFile(path('known', key), 'utf8').catch(() => ''))))
      await rm(path('known', key), { force: true });
  for (const folder of [cacheDir, path('partial')])
    for (const name of await namesIn(folder))
      if (name.startsWith('.now.') && (await isAbandoned(join(folder, name), name.slice('.now.'.length), nowMs)))
        await rm(join(folder, name), { force: true });
}

const namesIn = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);

const changedAtMs = (path: string): Promise<number> =>
  stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );

async function bytesIn(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => []))
    bytes += entry.isDirectory()
      ? await bytesIn(join(folder, entry.name))
      : await stat(join(folder, entry.name)).then(
          ({ size }) => size,
          () => 0,
        );
  return bytes;
}
