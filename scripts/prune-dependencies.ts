/**
 * `node scripts/prune-dependencies.ts node_modules`: removes from installed dependencies what a Linux image never reads.
 * The Containerfile runs it; the image that tests build without a container engine asks `belongsInImage`.
 */
import { readdirSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';

/** What only an editor, a debugger or the packages' own authors read. */
const unread = [
  /\.d\.[cm]?ts$/,
  /\.map$/,
  /(^|\/)(?!licen[cs]e)[^/]*\.md$/i,
  /(?:^|\/node_modules\/)(?:@[^/]+\/)?[^@/][^/]*\/(?:tests?|__tests__|examples?|docs?|benchmarks?|\.github)\//,
];
/** Native binaries lie in folders named after their platform. */
const platformFolder = /\/napi-v\d+\/(\w+)\/(\w+)\//;

/** `path` is relative to node_modules, with `/`; `arch` as `process.arch` names it. */
export function belongsInImage(path: string, arch: string): boolean {
  if (unread.some((pattern) => pattern.test(path))) return false;
  const native = platformFolder.exec(path);
  return native === null || (native[1] === 'linux' && native[2] === arch);
}

if (import.meta.main) {
  const [folder] = process.argv.slice(2);
  if (folder === undefined) throw new Error('usage: prune-dependencies.ts FOLDER');
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory()) continue;
    const file = join(entry.parentPath, entry.name);
    if (!belongsInImage(relative(folder, file), process.arch)) rmSync(file);
  }
}
