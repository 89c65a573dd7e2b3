import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { exactProducts } from '../../runtime/onnx/exact-products.ts';
import { gradientCases } from '../runtime/training/autodiff/cases/all.ts';

const run = promisify(execFile);
const main = join(import.meta.dirname, '..', 'support', 'cuda-gradients-main.ts');

interface Outcome {
  name: string;
  apart?: number;
  error?: string;
}

describe('a GPU gives the contributions that a CPU gives', () => {
  const outcomes = new Map<string, Outcome>();

  beforeAll(async () => {
    const env = { ...process.env, ...exactProducts };
    const { stdout } = await run(process.execPath, [main], { env, maxBuffer: 2 ** 24 });
    for (const line of stdout.trim().split('\n')) {
      const outcome = JSON.parse(line) as Outcome;
      outcomes.set(outcome.name, outcome);
    }
  }, 300_000);

  test.each(gradientCases.map(({ name }) => name))('%s', (name) => {
    expect(outcomes.get(name)).toEqual({ name, apart: expect.any(Number) });
    expect(outcomes.get(name)?.apart).toBeLessThan(1e-4);
  });
});
