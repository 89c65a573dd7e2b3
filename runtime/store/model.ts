import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { invalid } from './errors.ts';
import { onlyFolder, type Found } from './folder.ts';
import type { ResolvedModel, ResolveRequest, StoreHooks } from './request.ts';
import { obtain } from './resolve.ts';
import { defaultLimits, quoted, type Subject } from './source.ts';

const usualModels = ['model.onnx', 'onnx/model.onnx'];

const isForTasks = (path: string): boolean => /\.(json|jsonl|txt|model|spm|vocab|bpe|tiktoken|jinja)$/i.test(path);

const isModelFile = (path: string): boolean => /\.(onnx|ort)$/i.test(path);

/**
 * Gets the model that a URI names onto this machine. Content with the digest that is asked for or pinned is taken from the
 * cache without a look at its source. Rejects with StoreError, or with the signal's reason.
 */
export function resolveModel(request: ResolveRequest, hooks: StoreHooks): Promise<ResolvedModel> {
  const subject: Subject = {
    noun: 'model',
    field: request.field,
    files: '.onnx, .ort, .tar, .tar.gz or .tgz file',
    named: (name) => (isModelFile(name) ? 'file' : 'folder'),
    select: selectModel,
  };
  return obtain(subject, pickModel, { ...request, limits: { ...defaultLimits, ...request.limits } }, hooks);
}

/**
 * The model among a folder's files: model.onnx, onnx/model.onnx or the only .onnx or .ort. A folder that holds nothing
 * but another folder is looked through, as archives often have one.
 */
function pickModel(found: Found, shown: string): Omit<ResolvedModel, 'digest'> {
  const { folder, files } = found;
  const inner = onlyFolder(found);
  if (inner && basename(inner.folder) !== 'onnx') return pickModel(inner, shown);
  const chosen = chooseModel(files, shown);
  const modelPath = join(folder, chosen);
  if (usualModels.includes(chosen)) return { modelPath, directory: folder };
  return {
    modelPath,
    directory: basename(dirname(chosen)) === 'onnx' ? dirname(dirname(modelPath)) : dirname(modelPath),
  };
}

function chooseModel(files: readonly string[], shown: string): string {
  const usual = usualModels.find((path) => files.includes(path));
  if (usual !== undefined) return usual;
  const models = files.filter(isModelFile);
  const [only] = models;
  if (only === undefined) throw invalid(`${shown} has no .onnx or .ort file.`);
  if (models.length > 1) {
    const some = models.sort().slice(0, 10).map(quoted).join(', ');
    throw invalid(
      `${shown} has ${models.length} models: ${some}${models.length > 10 ? ', …' : ''}. Name one of them in the URI, or call it model.onnx.`,
    );
  }
  return only;
}

const isBeside = (path: string, model: string): boolean =>
  path.startsWith(`${model}_data`) || path.startsWith(`${model}.data`);

/** Bytes of a model's file and of the weights that lie beside it. */
export async function modelBytes(modelPath: string): Promise<number> {
  const [folder, model] = [dirname(modelPath), basename(modelPath)];
  const files = (await readdir(folder)).filter((file) => file === model || isBeside(file, model));
  const sizes = await Promise.all(files.map(async (file) => (await stat(join(folder, file))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** The model, the weights that lie beside it, and what tasks read: configuration, vocabularies, templates. Never weights of others. */
function selectModel(paths: readonly string[], named: string | undefined, shown: string): string[] {
  const model = named ?? chooseModel(paths, shown);
  return paths.filter((path) => path === model || isBeside(path, model) || isForTasks(path));
}
