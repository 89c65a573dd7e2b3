import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { systemCode } from './errors.ts';
import { dropFile, keepFile, timeIn } from './kept.ts';
import { isAbandoned, owner, sync } from './owner.ts';
import { forEachParallel } from './parallel.ts';

/**
 * A content-addressed cache that several processes may share, on one machine or on several that mount the same volume.
 *
 *     sha256/HEX/KIND/content/…  whole content: it comes into being by one rename, after everything in it was synced
 *     sha256/HEX/KIND/files      the sizes and paths of its files; the first line is their sum
 *     known/KEY                  the digest of what some versions of a URI are
 *     partial/KEY.OWNER/…        a download that OWNER is writing, or, with the owner `free`, one that waits for the next
 *     turns/KEY/OWNER            who gets content that several want: turns.ts
 *     leases/HEX/…               who uses content: leases.ts
 *     trash/OWNER.…              what OWNER is deleting, which left its place by one rename, or has not put in a place yet
 *
 * A folder below partial/ is owned by whoever renamed it to its own name, which only one can do. A download that OWNER is writing
 * has a file `reserved.BYTES`, renewed while it lives.
 */
export type Kind = 'file' | 'archive' | 'folder';

export const kinds = ['file', 'archive', 'folder'] as const;

/** File systems write what several ask for in one go. */
const atOnce = 16;

export const hexOf = (digest: string): string => digest.replace(/^sha256:/, '');

/** Where all is that belongs to a digest. */
export const placeOf = (cacheDir: string, hex: string): string => join(cacheDir, 'sha256', hex);

export const contentFolder = (cacheDir: string, digest: string, kind: Kind): string =>
  join(placeOf(cacheDir, hexOf(digest)), kind, 'content');

export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: unknown) => {
      if (systemCode(error) === 'ENOENT') return false;
      throw error;
    },
  );
}

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 24);

/** The same for all who want the same versions of the same. */
export const contentKey = (parts: readonly unknown[]): string => hashOf(JSON.stringify(parts));

/** A key of a content whose every file has a version; one that nobody shares otherwise. */
export async function partialKey(uri: string, versions: readonly (string | undefined)[]): Promise<string> {
  if (versions.includes(undefined)) return `${hashOf(uri)}-${hashOf(randomUUID())}`;
  // What a machine that lost power kept of a file may be less than its length says: such parts are not resumed.
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
  return `${hashOf(uri)}-${hashOf(JSON.stringify([boot, ...versions]))}`;
}

/** The digest that content of a key had. */
export async function knownDigest(cacheDir: string, key: string): Promise<string | undefined> {
  const text = await readFile(join(cacheDir, 'known', key), 'utf8').catch(() => '');
  return /^sha256:[0-9a-f]{64}$/.test(text) ? text : undefined;
}

export async function setKnown(cacheDir: string, key: string, digest: string): Promise<void> {
  const folder = join(cacheDir, 'known');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, key), digest);
}

/**
 * Takes over the part of an earlier attempt, or starts with an empty folder. Other versions of the URI are removed.
 *
 * @param bytes that it is going to hold, where that is known
 */
export async function claim(cacheDir: string, key: string, bytes: number | undefined): Promise<string> {
  const folder = join(cacheDir, 'partial');
  await mkdir(folder, { recursive: true });
  const nowMs = await timeIn(folder);
  const own = join(folder, `${key}.${owner}.${randomUUID().slice(0, 8)}`);
  const sameUri = `${key.split('-', 1)[0] ?? ''}-`;
  let claimed = false;
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    if (!name.startsWith(sameUri) || !(await isFree(path, nowMs))) continue;
    if (name.startsWith(`${key}.`) && !claimed) claimed = await renamed(path, own);
    else await discard(cacheDir, path);
  }
  if (!claimed) await mkdir(own);
  for (const name of await reservations(own)) await rm(join(own, name), { force: true });
  await keepFile(join(own, `${reserved}${bytes ?? ''}`));
  return own;
}

const reserved = 'reserved.';

async function reservations(part: string): Promise<string[]> {
  return (await readdir(part).catch(() => [])).filter((name) => name.startsWith(reserved));
}

/** Bytes that a download said it is going to hold. */
export async function reservedBytes(part: string): Promise<number> {
  const [name = ''] = await reservations(part);
  return Number(name.slice(reserved.length));
}

/** Whether a part is nobody's, so that anybody may take it. */
export async function isFree(part: string, nowMs: number): Promise<boolean> {
  const [alive] = await reservations(part);
  const name = part.slice(dirname(part).length + 1);
  return isAbandoned(alive === undefined ? part : join(part, alive), name.slice(name.indexOf('.') + 1), nowMs);
}

/** Leaves a part for the next attempt. */
export async function release(part: string, key: string): Promise<void> {
  await dropReservation(part);
  if (!(await renamed(part, join(dirname(part), `${key}.free`)))) await rm(part, { recursive: true, force: true });
}

export async function removePart(part: string): Promise<void> {
  await dropReservation(part);
  await rm(part, { recursive: true, force: true });
}

async function dropReservation(part: string): Promise<void> {
  for (const name of await reservations(part)) await dropFile(join(part, name));
}

/**
 * Makes a folder in a part the content of a digest: durable first, then visible. Whoever comes second keeps the first's. The digest must
 * be leased.
 */
export async function publish(
  folder: string,
  paths: readonly string[],
  cacheDir: string,
  digest: string,
  kind: Kind,
): Promise<void> {
  const whole = join(dirname(folder), 'whole');
  await rm(whole, { recursive: true, force: true });
  await mkdir(whole);
  await writeFile(join(whole, 'files'), await manifestOf(folder, paths));
  await rename(folder, join(whole, 'content'));
  await syncTree(whole);
  const target = dirname(contentFolder(cacheDir, digest, kind));
  await mkdir(dirname(target), { recursive: true });
  if (!(await renamed(whole, target))) await rm(whole, { recursive: true, force: true });
  for (const parent of [dirname(target), dirname(dirname(target)), cacheDir]) await sync(parent);
}

/** Whether the files that lie in a content's folder are those that were published, each of its size. */
export async function isIntact(folder: string, paths: readonly string[]): Promise<boolean> {
  const published = await readFile(join(dirname(folder), 'files'), 'utf8').catch(() => undefined);
  return published === (await manifestOf(folder, paths));
}

/** Bytes of the files of a content; 0 where it was damaged. */
export async function publishedBytes(cacheDir: string, hex: string, kind: Kind): Promise<number> {
  const path = join(placeOf(cacheDir, hex), kind, 'files');
  const text = await readFile(path, 'utf8').catch(() => '');
  return Number.parseInt(text, 10) || 0;
}

async function manifestOf(folder: string, paths: readonly string[]): Promise<string> {
  const sizes = new Map<string, number>();
  await forEachParallel(paths, atOnce, async (path) => {
    sizes.set(path, (await stat(join(folder, path))).size);
  });
  const sum = [...sizes.values()].reduce((bytes, size) => bytes + size, 0);
  return [sum, ...paths.toSorted().map((path) => `${sizes.get(path) ?? 0} ${path}`)].join('\n');
}

/** Moves something out of its place in one step and deletes it. False where it was gone. */
export async function discard(cacheDir: string, path: string): Promise<boolean> {
  const target = await newTrash(cacheDir);
  if (!(await renamed(path, target))) return false;
  await rm(target, { recursive: true, force: true });
  return true;
}

/** A path of our own: what lies there goes when this process has died. */
export async function newTrash(cacheDir: string): Promise<string> {
  const trash = join(cacheDir, 'trash');
  await mkdir(trash, { recursive: true });
  return join(trash, `${owner}.${randomUUID()}`);
}

/** False where the source is gone or the target is there. */
export async function renamed(from: string, to: string): Promise<boolean> {
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
  await forEachParallel(files, atOnce, ({ name }) => sync(join(folder, name)));
  await sync(folder);
}
