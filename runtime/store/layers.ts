import { lstat, mkdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { unpack } from './archive.ts';
import { archiveRefused, invalid, systemCode } from './errors.ts';
import { fileDigest, listFolder } from './folder.ts';
import { pathProblem, quoted, type Layer, type SourceContext } from './source.ts';

/** How a layer says that something below it is gone: NAME, or all that lies in the folder. */
const whiteout = '.wh.';
const opaqueWhiteout = '.wh..wh..opq';

type LayersContext = Pick<SourceContext, 'shown' | 'limits' | 'signal'>;

/**
 * Makes a folder of downloaded layers, each laid on those before it. Gives its files with their digests. Rejects with
 * StoreError where a layer has what no folder may hold.
 *
 * @param folder where the layers lie
 * @param content the empty folder to make
 */
export async function assemble(
  layers: readonly Layer[],
  folder: string,
  content: string,
  context: LayersContext,
): Promise<{ path: string; digest: string }[]> {
  const { shown, limits, signal } = context;
  /** Of files whose digest their source says, and which was checked. */
  const known = new Map<string, string>();
  for (const [index, layer] of layers.entries()) {
    const from = join(folder, layer.path);
    if ('title' in layer.content) {
      const { title } = layer.content;
      await place(from, content, title);
      if (layer.checksum?.algorithm === 'sha256') known.set(title, `sha256:${layer.checksum.expected}`);
      continue;
    }
    const unpacked = `${content}.${index}`;
    await rm(unpacked, { recursive: true, force: true });
    await mkdir(unpacked);
    const left = { ...limits, bytes: limits.bytes - (await sizeOf(content, context)) };
    const files = await unpack({ path: from, ...layer.content }, unpacked, shown, left, signal);
    for (const path of files) if (basename(path).startsWith(whiteout)) await hide(path, content, shown);
    for (const path of files) {
      if (basename(path).startsWith(whiteout)) continue;
      await place(join(unpacked, path), content, path);
      known.delete(path);
    }
    await rm(unpacked, { recursive: true, force: true });
  }
  const digests: { path: string; digest: string }[] = [];
  for (const path of await listFolder(content, content, shown, limits)) {
    digests.push({ path, digest: known.get(path) ?? (await fileDigest(join(content, path), signal)) });
  }
  if (digests.length === 0) throw invalid(`${shown} holds no file; of an image, only the folder /models counts.`);
  return digests;
}

/** Moves a file into a folder, in place of whatever is in its way. The folder holds files and folders only. */
async function place(file: string, folder: string, path: string): Promise<void> {
  let at = folder;
  for (const part of dirname(path).split('/')) {
    at = join(at, part);
    if (!(await isFolder(at))) await rm(at, { force: true });
    await mkdir(at, { recursive: true });
  }
  const target = join(folder, path);
  if (await isFolder(target)) await rm(target, { recursive: true });
  await rename(file, target);
}

async function hide(path: string, folder: string, shown: string): Promise<void> {
  const [parent, name] = [dirname(path), basename(path)];
  const isAll = name === opaqueWhiteout;
  const gone = name.slice(whiteout.length);
  const problem = isAll ? undefined : pathProblem(gone);
  if (problem) throw archiveRefused(`${shown}: the entry ${quoted(path)} hides what ${problem}.`);
  const hidden = isAll ? parent : join(parent, gone);
  await rm(join(folder, hidden), { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
}

async function isFolder(path: string): Promise<boolean> {
  return lstat(path).then(
    (status) => status.isDirectory(),
    (error: unknown) => {
      if (systemCode(error) === 'ENOENT') return false;
      throw error;
    },
  );
}

async function sizeOf(folder: string, { shown, limits }: LayersContext): Promise<number> {
  let bytes = 0;
  for (const path of await listFolder(folder, folder, shown, limits)) bytes += (await stat(join(folder, path))).size;
  return bytes;
}
