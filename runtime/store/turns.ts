import { mkdir, readdir, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { discard, newTrash, renamed } from './cache.ts';
import { dropFile, keepAsIs, timeIn } from './kept.ts';
import { isAbandoned, owner } from './owner.ts';

export interface TurnOptions {
  signal: AbortSignal;
  /** Somebody else has the turn. */
  onWait: () => void;
}

const pollMs = 200;

/** After so long what others do is no longer waited for. */
const patienceMs = 30 * 60_000;

/**
 * Does something while nobody else does it who shares the cache and gives the same key, so that content which several want is downloaded once. It
 * spares work and guards nothing: whoever waited too long goes on beside the other.
 */
export async function inTurn<T>(
  cacheDir: string,
  key: string,
  { signal, onWait }: TurnOptions,
  act: () => Promise<T>,
): Promise<T> {
  const folder = join(cacheDir, 'turns', key);
  await mkdir(join(cacheDir, 'turns'), { recursive: true });
  for (let waitedMs = 0; waitedMs < patienceMs; waitedMs += pollMs) {
    if (await isFirst(cacheDir, folder)) return await withMark(folder, act);
    if (await isOver(cacheDir, folder)) {
      await discard(cacheDir, folder);
      continue;
    }
    if (waitedMs === 0) onWait();
    await sleep(pollMs, undefined, { signal });
  }
  return act();
}

async function withMark<T>(folder: string, act: () => Promise<T>): Promise<T> {
  const mark = join(folder, owner);
  try {
    keepAsIs(mark);
    return await act();
  } finally {
    await dropFile(mark);
    await rmdir(folder).catch(() => undefined);
  }
}

/** A rename takes an empty folder's place and no other's: a turn has an owner from its first moment to its last. */
async function isFirst(cacheDir: string, folder: string): Promise<boolean> {
  const draft = await newTrash(cacheDir);
  await mkdir(draft);
  await writeFile(join(draft, owner), '.');
  if (await renamed(draft, folder)) return true;
  await rm(draft, { recursive: true, force: true });
  return false;
}

/** Whether whoever had the turn has died before it was over. */
export async function isOver(cacheDir: string, folder: string): Promise<boolean> {
  const [mark] = await readdir(folder).catch(() => []);
  return mark !== undefined && isAbandoned(join(folder, mark), mark, await timeIn(cacheDir));
}
