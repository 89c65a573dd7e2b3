import { randomUUID } from 'node:crypto';
import { constants, type Dirent } from 'node:fs';
import { open, readdir, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { invalid, systemCode } from './errors.ts';
import { findFolder } from './directory-folders.ts';
import { lostAndFound } from './folder.ts';
import { isAbandoned, owner } from './owner.ts';
import { pathProblem, quoted } from './source.ts';
import { isReserved, reserved } from './writable-place.ts';

/** Writes a new durable file of our own in a folder; it is gone after `use`, if `use` gave it no other name. */
export async function withTemporary<T>(
  folder: string,
  parts: readonly Uint8Array[],
  use: (temporary: string) => Promise<T>,
): Promise<T> {
  const temporary = join(folder, `${reserved}${owner}.${randomUUID()}`);
  try {
    const handle = await open(temporary, 'wx');
    try {
      for (const part of parts) await handle.appendFile(part);
      await handle.sync();
    } finally {
      await handle.close();
    }
    return await use(temporary);
  } finally {
    await rm(temporary, { force: true }).catch(() => undefined);
  }
}

/** Removes what processes that died while they wrote left in a folder. */
export async function sweep(folder: string, nowMs: number): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    if (name.startsWith(reserved) && (await isAbandoned(path, name.slice(reserved.length), nowMs))) {
      await rm(path, { force: true });
    }
  }
}

/** Undefined where nothing is there. Rejects with StoreError where a link is. */
export async function openFile(path: string, shown: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw code === 'ELOOP' ? invalid(`${shown} is a link.`) : error;
  }
}

/** Bytes from `from` to below `to`, or to the end, in a buffer of their own. */
export async function bytesOf(handle: FileHandle, from: number, to: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(Math.max(0, to - from));
  const atOnce = 1024 ** 3;
  let length = 0;
  while (length < bytes.byteLength) {
    const wanted = Math.min(atOnce, bytes.byteLength - length);
    const { bytesRead } = await handle.read(bytes, length, wanted, from + length);
    if (bytesRead === 0) return bytes.slice(0, length);
    length += bytesRead;
  }
  return bytes;
}

/** The sorted paths of a folder's files that begin with a prefix. Links are no files. */
export async function listFiles(folder: string, prefix: string, shown: string): Promise<string[]> {
  const files: string[] = [];
  const walk = async (path: string, below: string): Promise<void> => {
    for (const entry of await entriesOf(path)) {
      const name = `${below}${entry.name}`;
      if (isReserved(name) || name === lostAndFound || pathProblem(name)) continue;
      if (entry.isDirectory()) {
        if (`${name}/`.startsWith(prefix) || prefix.startsWith(`${name}/`))
          await walk(join(path, entry.name), `${name}/`);
      } else if (entry.isFile() && name.startsWith(prefix)) files.push(name);
    }
  };
  const start = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  const problem = start === '' ? undefined : pathProblem(start.slice(0, -1));
  if (problem) throw invalid(`${shown}: the prefix ${quoted(prefix)} ${problem}.`);
  const found = await findFolder(folder, start, shown);
  if (found !== undefined) await walk(found, start);
  return files.sort();
}

/** None where the folder was removed meanwhile, or is a file. */
async function entriesOf(folder: string): Promise<Dirent[]> {
  return readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) return [];
    throw error;
  });
}
