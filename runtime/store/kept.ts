import { randomUUID } from 'node:crypto';
import { open, rm, stat, utimes, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { isFull } from './errors.ts';
import { owner } from './owner.ts';

/** Well below the time after which the owner of what was not renewed counts as dead. */
const renewMs = 60_000;

const kept = new Set<string>();
let timer: NodeJS.Timeout | undefined;

/** Creates a file that says that this process lives, and renews it until it is dropped. Rejects where it is there. */
export async function keepFile(path: string): Promise<void> {
  const handle = await open(path, 'wx');
  keepAsIs(path);
  await mark(handle);
}

/** The same of a file that is there. */
export function keepAsIs(path: string): void {
  kept.add(path);
  timer ??= setInterval(() => void renewAll(), renewMs).unref();
}

export async function dropFile(path: string): Promise<void> {
  kept.delete(path);
  await rm(path, { force: true });
}

/** What a file system takes for now, in milliseconds since 1970: the machines that share it may differ. */
export async function timeIn(folder: string): Promise<number> {
  const probe = join(folder, `.now.${owner}.${randomUUID()}`);
  try {
    await (await open(probe, 'wx')).close();
    return (await stat(probe)).mtimeMs;
  } catch (error) {
    if (!isFull(error)) throw error;
    return Date.now();
  } finally {
    await rm(probe, { force: true });
  }
}

/** A byte takes room once, so that renewing takes none. Where there is none, the file is there all the same. */
async function mark(handle: FileHandle): Promise<void> {
  try {
    await handle.write('.', 0);
  } catch (error) {
    if (!isFull(error)) throw error;
  } finally {
    await handle.close();
  }
}

/** What fails is tried again the next time. */
async function renewAll(): Promise<void> {
  for (const path of kept) await renew(path).catch(() => undefined);
}

async function renew(path: string): Promise<void> {
  // Somebody who took this process for dead may have removed it. The clock of a full file system is ours.
  const handle = await open(path, 'r+').catch(() => open(path, 'w'));
  const { mtimeMs } = await handle.stat();
  await mark(handle);
  if ((await stat(path)).mtimeMs === mtimeMs) await utimes(path, new Date(), new Date());
  if (!kept.has(path)) await rm(path, { force: true });
}
