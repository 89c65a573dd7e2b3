import { mkdir, readdir, rm, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemCode } from './errors.ts';
import { dropFile, keepFile } from './kept.ts';
import { isAbandoned, owner } from './owner.ts';

/**
 * Who uses what of a cache, in files that all see who share it:
 *
 *     leases/HEX/use.OWNER…      OWNER uses the content; renewed while it does
 *     leases/HEX/remove.OWNER…   OWNER is about to remove it
 *
 * Each writes its own file first and lists the folder then. So of one that begins to use content and one that removes it, at least one sees
 * the other: who removes gives up, who uses waits. The time of the folder is when its content was last taken or given back.
 */
const leasesFolder = (cacheDir: string, hex: string): string => join(cacheDir, 'leases', hex);

/** Who has not removed content by then has died, or gives up. */
const removalMs = 30_000;

let count = 0;

/**
 * From now on nobody removes the content of a digest, whether it is there or comes. Resolves when no removal that began before is under
 * way; the function ends the use, as does the signal.
 */
export async function lease(cacheDir: string, hex: string, signal: AbortSignal): Promise<() => Promise<void>> {
  const folder = leasesFolder(cacheDir, hex);
  const path = await create(folder, 'use');
  const end = (): Promise<void> => {
    signal.removeEventListener('abort', endQuietly);
    return dropFile(path);
  };
  const endQuietly = (): void => void end().catch(() => undefined);
  signal.addEventListener('abort', endQuietly, { once: true });
  try {
    signal.throwIfAborted();
    for (let waitedMs = 0; waitedMs < removalMs && (await isBeingRemoved(folder)); waitedMs += 10)
      await sleep(10, undefined, { signal });
  } catch (error) {
    endQuietly();
    throw error;
  }
  return end;
}

/** Removes content by `remove` where nobody uses it. False where somebody does. */
export async function removeUnused(cacheDir: string, hex: string, remove: () => Promise<void>): Promise<boolean> {
  const folder = leasesFolder(cacheDir, hex);
  const beganMs = performance.now();
  const mark = await create(folder, 'remove');
  try {
    if (await isUsed(folder, (await stat(mark)).mtimeMs)) return false;
    if (performance.now() - beganMs > removalMs / 3) return false;
    await remove();
    return true;
  } finally {
    await dropFile(mark);
    await rmdir(folder).catch(() => undefined);
  }
}

/** When the content was last taken or given back, by the clock of the file system; undefined where it never was. */
export async function lastUseMs(cacheDir: string, hex: string): Promise<number | undefined> {
  return stat(leasesFolder(cacheDir, hex)).then(
    ({ mtimeMs }) => mtimeMs,
    () => undefined,
  );
}

/** Removes what owners that died left for content that is not there. */
export async function sweepLeases(cacheDir: string, hex: string, nowMs: number): Promise<void> {
  const folder = leasesFolder(cacheDir, hex);
  if (!(await isUsed(folder, nowMs))) await rmdir(folder).catch(() => undefined);
}

async function create(folder: string, what: 'use' | 'remove'): Promise<string> {
  const path = join(folder, `${what}.${owner}.${++count}`);
  for (;;) {
    try {
      await mkdir(folder, { recursive: true });
      await keepFile(path);
      return path;
    } catch (error) {
      // The folder goes with its content, at any moment.
      if (systemCode(error) !== 'ENOENT') throw error;
    }
  }
}

async function isUsed(folder: string, nowMs: number): Promise<boolean> {
  let used = false;
  for (const name of await namesIn(folder)) {
    const dot = name.indexOf('.');
    if (await isAbandoned(join(folder, name), name.slice(dot + 1), nowMs))
      await rm(join(folder, name), { force: true });
    else if (name.startsWith('use.')) used = true;
  }
  return used;
}

async function isBeingRemoved(folder: string): Promise<boolean> {
  for (const name of await namesIn(folder)) {
    if (!name.startsWith('remove.')) continue;
    // Of those on other machines only time tells, and the wait ends by time.
    if (!(await isAbandoned(join(folder, name), name.slice('remove.'.length), 0))) return true;
  }
  return false;
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  });
}
