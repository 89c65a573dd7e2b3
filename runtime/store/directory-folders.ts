import { lstat, mkdir, realpath, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { invalid, systemCode } from './errors.ts';
import { isInside } from './folder.ts';
import { sync } from './owner.ts';
import { quoted } from './source.ts';

/** A path without links; undefined where nothing is there. */
export async function realFolder(path: string): Promise<string | undefined> {
  return realpath(path).catch((error: unknown) => {
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) return undefined;
    throw error;
  });
}

/** The real path of a folder below another's; undefined where there is none. Rejects with StoreError where a link leads out. */
export async function findFolder(folder: string, path: string, shown: string): Promise<string | undefined> {
  const real = await realFolder(join(folder, path));
  if (real !== undefined && !isInside(real, folder)) throw leaves(path, shown);
  return real;
}

/** Like `findFolder`, and makes what is not there, durably. */
export async function makeFolder(folder: string, path: string, shown: string): Promise<string> {
  let at = folder;
  for (const name of path.split('/').filter((part) => part !== '' && part !== '.')) {
    const next = join(at, name);
    const real = (await realFolder(next)) ?? (await made(next, at));
    if (real === undefined) throw leaves(path, shown);
    if (!isInside(real, folder)) throw leaves(path, shown);
    at = real;
  }
  return at;
}

/** Undefined where a link to nowhere is in the way. */
async function made(path: string, parent: string): Promise<string | undefined> {
  try {
    await mkdir(path);
    await sync(parent);
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
    if ((await lstat(path)).isSymbolicLink()) return realFolder(path);
  }
  return path;
}

/** Removes a folder and those above it, up to another, while they are empty. */
export async function removeEmpty(path: string, upTo: string): Promise<void> {
  for (let at = path; at !== upTo; at = dirname(at)) {
    try {
      await rmdir(at);
    } catch {
      return;
    }
  }
}

const leaves = (path: string, shown: string): Error =>
  invalid(`${shown}: ${quoted(path)} goes through a link that leaves the folder.`);
