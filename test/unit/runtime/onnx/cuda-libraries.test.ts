import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';

const root = join(import.meta.dirname, '..', '..', '..', '..');

test('the CUDA provider is of the very release of ONNX Runtime that Node loads', () => {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { version?: string }>;
  };
  const libraries = readFileSync(join(root, 'scripts', 'cuda-libraries.txt'), 'utf8');
  const [, provider] = /^onnxruntime-gpu==(\S+)/m.exec(libraries) ?? [];
  expect(provider).toBe(lock.packages['node_modules/onnxruntime-node']?.version);
});
