import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog } from '../../lib/log.ts';
import { createRegistry } from '../../lib/metrics.ts';
import { readServingConfig } from '../../runtime/config.ts';
import { servingEnv } from '../../runtime/contract.ts';
import { createServingMetrics } from '../../runtime/serving/serving-metrics.ts';
import { resolverOf } from '../../runtime/serving/resolver.ts';

describe('what the store says of a model, in the words of a condition', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'modelyard-resolver-'));
    await mkdir(join(folder, 'models'));
    await writeFile(join(folder, 'models/m.onnx'), 'weights');
    await writeFile(join(folder, 'models/a.tar'), 'no archive');
    await writeFile(
      join(folder, 'digests.json'),
      JSON.stringify({ 'pvc://models/m.onnx': `sha256:${'0'.repeat(64)}` }),
    );
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  test.each([
    ['pvc://models/none.onnx', 'ModelNotFound', true],
    ['pvc://models/m.txt/', 'ModelNotFound', true],
    ['nfs://models/m.onnx', 'InvalidModel', false],
    ['pvc://models/a.tar', 'ArchiveRefused', false],
    ['http://127.0.0.1/m.onnx', 'AddressNotAllowed', false],
    ['pvc://models/m.onnx', 'DigestMismatch', false],
  ])('%s is %s', async (uri, reason, retrying) => {
    const config = readServingConfig({
      [servingEnv.modelName]: 'm',
      [servingEnv.modelUri]: uri,
      [servingEnv.volumesDir]: folder,
      [servingEnv.cacheDir]: join(folder, 'cache'),
      [servingEnv.pinDir]: folder,
    });
    const metrics = createServingMetrics(createRegistry({ ofProcess: false }));
    const hooks = {
      onProgress: () => undefined,
      signal: new AbortController().signal,
      log: createLog('test', 'silent'),
    };
    const resolve = resolverOf({ name: 'm', uri, task: 'Tensor' }, 'spec.model', config, metrics);
    await expect(resolve(hooks)).rejects.toMatchObject({ fault: { reason, retrying } });
  });

  test('a model of somebody else than the spec has no pin', async () => {
    const uri = 'pvc://models/m.onnx';
    const { storage } = readServingConfig({
      [servingEnv.modelName]: 'm',
      [servingEnv.modelUri]: uri,
      [servingEnv.volumesDir]: folder,
      [servingEnv.cacheDir]: join(folder, 'cache'),
    });
    const metrics = createServingMetrics(createRegistry({ ofProcess: false }));
    const signal = new AbortController().signal;
    const hooks = { onProgress: () => undefined, signal, log: createLog('test', 'silent') };
    const resolve = resolverOf({ name: 'm', uri, task: 'Tensor' }, 'url', { storage }, metrics);
    expect(await resolve(hooks)).toBeDefined();
  });
});
