import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import { invalidModel, notFound, systemCode } from './errors.ts';
import type { ResolvedModel } from './request.ts';
import { isModelFile, pathProblem, quoted, type StoreLimits } from './source.ts';

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

/**
 * The relative paths of a folder's files, at any depth. Links are followed to files inside `root` only; a link to a
 * folder, a device or a socket is refused.
 */
export async function listFolder(folder: string, root: string, shown: string, limits: StoreLimits): Promise<string[]> {
  const files: string[] = [];
  const walk = async (prefix: string): Promise<void> => {
    for (const entry of await readdir(join(folder, prefix), { withFileTypes: true })) {
      const path = prefix === '' ? entry.name : `${prefix}/${entry.name}`;
      const problem = pathProblem(path);
      if (problem) throw invalidModel(`${shown}: the file ${quoted(path)} ${problem}.`);
      if (entry.isDirectory()) await walk(path);
      else {
        await requireInside(join(folder, path), root, `${shown}: ${quoted(path)}`);
        files.push(path);
      }
      if (files.length > limits.files) throw invalidModel(`${shown} has more than ${limits.files} files.`);
    }
  };
  await walk('');
  return files;
}

/** Rejects with StoreError where a path, links followed, is no regular file below `root`. */
export async function requireInside(path: string, root: string, shown: string): Promise<void> {
  const [real, top] = await Promise.all([realpath(path), realpath(root)]).catch((error: unknown) => {
    throw systemCode(error) === 'ENOENT' ? notFound(`${shown} is a link to nowhere.`) : error;
  });
  const inside = relative(top, real);
  if (inside === '..' || inside.startsWith(`..${sep}`))
    throw invalidModel(`${shown} is a link that leaves the volume.`);
  if (!(await stat(real)).isFile()) throw invalidModel(`${shown} is no regular file.`);
}

/**
 * The model among a folder's files: model.onnx, onnx/model.onnx or the only .onnx or .ort. A folder that holds nothing
 * but another folder is looked through, as archives often have one.
 */
export function pickModel(folder: string, files: readonly string[], shown: string): Omit<ResolvedModel, 'digest'> {
  const top = files[0]?.split('/', 1)[0];
  if (top !== undefined && files.every((path) => path.startsWith(`${top}/`)) && top !== 'onnx') {
    return pickModel(
      join(folder, top),
      files.map((path) => path.slice(top.length + 1)),
      shown,
    );
  }
  const usual = ['model.onnx', 'onnx/model.onnx'].find((path) => files.includes(path));
  if (usual !== undefined) return { modelPath: join(folder, usual), directory: folder };
  const models = files.filter(isModelFile);
  const [only] = models;
  if (only === undefined) throw invalidModel(`${shown} has no .onnx or .ort file.`);
  if (models.length > 1) {
    const some = models.sort().slice(0, 10).map(quoted).join(', ');
    throw invalidModel(
      `${shown} has ${models.length} models: ${some}${models.length > 10 ? ', …' : ''}. Name one of them in the URI, or call it model.onnx.`,
    );
  }
  const modelPath = join(folder, only);
  return {
    modelPath,
    directory: basename(dirname(only)) === 'onnx' ? dirname(dirname(modelPath)) : dirname(modelPath),
  };
}
