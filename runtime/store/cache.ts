import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { systemCode } from './errors.ts';
import { isAbandoned, owner, sync } from './owner.ts';
import { forEachParallel } from './parallel.ts';

/**
 * A content-addressed cache that several processes may share.
 *
 *     sha256/HEX/KIND/…          whole content: it comes into being by one rename, after everything in it was synced
 *     partial/KEY.OWNER/…        a download that OWNER is writing, or, with the owner `free`, one that waits for the next
 *
 * A folder below partial/ is owned by whoever renamed it to its own name, which only one can do.
 */
export type Kind = 'file' | 'archive' | 'folder';

/** File systems write what several ask for in one go. */
const syncsAtOnce = 16;

export const contentFolder = (cacheDir: string, digest: string, kind: Kind): string =>
  join(cacheDir, 'sha256', digest.replace(/^sha256:/, ''), kind);

export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: unknown) => {
      if (systemCode(error) === 'ENOENT') return false;
      throw error;
    },
  );
}

/** A key of a content whose every file has a version; one that nobody shares otherwise. */
export async function partialKey(uri: string, versions: readonly (string | undefined)[]): Promise<string> {
  const hash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 24);
  if (versions.includes(undefined)) return `${hash(uri)}-${hash(randomUUID())}`;
  // What a machine that lost power kept of a file may be less than its length says: such parts are not resumed.
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
  return `${hash(uri)}-${hash(JSON.stringify([boot, ...versions]))}`;
}

/** Takes over the part of an earlier attempt, or starts with an empty folder. Other versions of the URI are removed. */
export async function claim(cacheDir: string, key: string, nowMs: number): Promise<string> {
  const folder = join(cacheDir, 'partial');
  await mkdir(folder, { recursive: true });
  const own = join(folder, `${key}.${owner}.${randomUUID().slice(0, 8)}`);
  const sameUri = `${key.split('-', 1)[0] ?? ''}-`;
  let claimed = false;
  for (const name of await readdir(folder)) {
    if (!name.startsWith(sameUri) || !(await isAbandoned(join(folder, name), name.slice(name.indexOf('.') + 1), nowMs)))
      continue;
    if (name.startsWith(`${key}.`) && !claimed) claimed = await renamed(join(folder, name), own);
    else await rm(join(folder, name), { recursive: true, force: true });
  }
  if (!claimed) await mkdir(own);
  return own;
}

/** Leaves a part for the next attempt. */
export async function release(folder: string, key: string): Promise<void> {
  if (!(await renamed(folder, join(dirname(folder), `${key}.free`))))
    await rm(folder, { recursive: true, force: true });
}

/** Says that the owner of a part lives. */
export async function touch(folder: string, nowMs: number): Promise<void> {
  await utimes(folder, nowMs / 1000, nowMs / 1000);
}

/** Makes a folder the content of a digest: durable first, then visible. Whoever comes second keeps the first's. */
export async function publish(folder: string, cacheDir: string, digest: string, kind: Kind): Promise<string> {
  await syncTree(folder);
  const target = contentFolder(cacheDir, digest, kind);
  await mkdir(dirname(target), { recursive: true });
  if (!(await renamed(folder, target))) await rm(folder, { recursive: true, force: true });
  for (const parent of [dirname(target), dirname(dirname(target)), cacheDir]) await sync(parent);
  return target;
}

/** False where the source is gone or the target is there. */
async function renamed(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(systemCode(error) ?? '')) return false;
    throw error;
  }
}

async function syncTree(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true });
  for (const entry of entries.filter((entry) => entry.isDirectory())) await syncTree(join(folder, entry.name));
  const files = entries.filter((entry) => !entry.isDirectory());
  await forEachParallel(files, syncsAtOnce, ({ name }) => sync(join(folder, name)));
  await sync(folder);
}
