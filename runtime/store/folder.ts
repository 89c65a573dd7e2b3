import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import type { Kind } from './cache.ts';
import { invalid, notFound, systemCode } from './errors.ts';
import { pathProblem, quoted, type StoreLimits } from './source.ts';

/** A folder of the file system's own at the root of a volume, which root alone may read. */
export const lostAndFound = 'lost+found';

/** `sha256:HEX` of a file, read as a stream. */
export async function fileDigest(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { signal, highWaterMark: 1024 * 1024 }))
    hash.update(chunk as Buffer);
  return `sha256:${hash.digest('hex')}`;
}

/** `sha256:HEX` of a folder: of the sorted lines `HEX  RELATIVE/PATH` that sha256sum prints for its files. */
export function folderDigest(files: readonly { path: string; digest: string }[]): string {
  const lines = files.map(({ path, digest }) => Buffer.from(`${digest.replace(/^sha256:/, '')}  ${path}\n`));
  return `sha256:${createHash('sha256')
    .update(Buffer.concat(lines.sort((a, b) => a.compare(b))))
    .digest('hex')}`;
}

/** Content that lies on this machine. */
export interface Found {
  kind: Kind;
  folder: string;
  /** Relative to the folder. */
  files: readonly string[];
}

/** What lies in the only folder of a folder that holds nothing else, as archives often have one. */
export function onlyFolder({ kind, folder, files }: Found): Found | undefined {
  const top = files[0]?.split('/', 1)[0];
  if (top === undefined || !files.every((path) => path.startsWith(`${top}/`))) return undefined;
  return { kind, folder: join(folder, top), files: files.map((path) => path.slice(top.length + 1)) };
}

/**
 * The relative paths of a folder's files, at any depth. Links are followed to files inside `root` only; a link to a
 * folder, a device or a socket is refused.
 */
export async function listFolder(folder: string, root: string, shown: string, limits: StoreLimits): Promise<string[]> {
  const files: string[] = [];
  const walk = async (prefix: string): Promise<void> => {
    for (const entry of await readdir(join(folder, prefix), { withFileTypes: true })) {
      if (prefix === '' && entry.name === lostAndFound) continue;
      const path = prefix === '' ? entry.name : `${prefix}/${entry.name}`;
      const problem = pathProblem(path);
      if (problem) throw invalid(`${shown}: the file ${quoted(path)} ${problem}.`);
      if (entry.isDirectory()) await walk(path);
      else {
        await requireInside(join(folder, path), root, `${shown}: ${quoted(path)}`);
        files.push(path);
      }
      if (files.length > limits.files) throw invalid(`${shown} has more than ${limits.files} files.`);
    }
  };
  await walk('');
  return files;
}

/** Whether a path is a folder or lies in it; neither may have links or `..`. */
export function isInside(path: string, folder: string): boolean {
  const inside = relative(folder, path);
  return inside !== '..' && !inside.startsWith(`..${sep}`);
}

/** Rejects with StoreError where a path, links followed, is no regular file below `root`. */
export async function requireInside(path: string, root: string, shown: string): Promise<void> {
  const [real, top] = await Promise.all([realpath(path), realpath(root)]).catch((error: unknown) => {
    throw systemCode(error) === 'ENOENT' ? notFound(`${shown} is a link to nowhere.`) : error;
  });
  if (!isInside(real, top)) throw invalid(`${shown} is a link that leaves the volume.`);
  if (!(await stat(real)).isFile()) throw invalid(`${shown} is no regular file.`);
}
