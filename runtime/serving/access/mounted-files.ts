import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

/** The files of a mounted Secret or ConfigMap by name. */
export type MountedFiles = ReadonlyMap<string, string>;

/** Undefined where they cannot be read. */
export function readMounted(folder: string): MountedFiles | undefined {
  // The kubelet may remove what it has just replaced; then there is something newer to read.
  return tryRead(folder) ?? tryRead(folder);
}

function tryRead(folder: string): MountedFiles | undefined {
  try {
    // The kubelet swaps this link in one step: files beneath what it leads to belong together.
    const swapped = join(folder, '..data');
    const root = existsSync(swapped) ? realpathSync(swapped) : folder;
    const names = readdirSync(root).filter((name) => !name.startsWith('..'));
    return new Map(names.map((name) => [name, readFileSync(join(root, name), 'utf8')]));
  } catch {
    return undefined;
  }
}

/** How soon a renewal is noticed. */
const noticeMs = 2_000;

/** Calls back with the files at once, and again whenever they are others. The function it returns ends that. */
export function watchMounted(
  folder: string,
  onFiles: (files: MountedFiles | undefined) => void,
  everyMs = noticeMs,
): () => void {
  let last = readMounted(folder);
  onFiles(last);
  const timer = setInterval(() => {
    const files = readMounted(folder);
    if (isDeepStrictEqual(files, last)) return;
    last = files;
    onFiles(files);
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}
