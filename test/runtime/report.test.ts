import { describe, expect, test } from '@jest/globals';
import { createLog } from '../../lib/log.ts';
import { createRegistry } from '../../lib/metrics.ts';
import { readServingConfig } from '../../runtime/config.ts';
import { servingEnv, tensorListLimits } from '../../runtime/contract.ts';
import { ServedModel } from '../../runtime/serving/served-model.ts';
import { createServingMetrics } from '../../runtime/serving/serving-metrics.ts';
import { onnxModel, type Value } from '../support/onnx-builder.ts';
import { startServingProcess } from '../support/serving.ts';

/** An input, and outputs of the same value under these names. */
function copies(names: readonly string[], shape: Value['shape'] = ['n']): Uint8Array {
  const value = (name: string): Value => ({ name, type: 'FLOAT', shape });
  return onnxModel({
    nodes: names.map((name) => ({ op: 'Identity', inputs: ['x'], outputs: [name] })),
    inputs: [value('x')],
    outputs: names.map(value),
  });
}

const many = (count: number): string[] => Array.from({ length: count }, (_, index) => `y${index}`);

describe('the report', () => {
  test.each([
    ['as many outputs as the API holds', many(tensorListLimits.tensors), ['n'], true],
    ['more outputs than the API holds', many(tensorListLimits.tensors + 1), ['n'], false],
    ['an output of too long a name', ['y'.repeat(tensorListLimits.nameLength + 1)], ['n'], false],
    ['outputs that make too long a list', many(250).map((name) => name + '\u0001'.repeat(100)), ['n'], false],
  ])(
    'of a model with %s: the model serves, and only a list that does not fit is left out',
    async (_, names, shape, fits) => {
      const serving = startServingProcess({ files: { 'model.onnx': copies(names, shape) } });
      try {
        await serving.ready();
        const { model } = await serving.report();
        expect(model).toMatchObject({ phase: 'Ready', digest: expect.stringMatching(/^sha256:/) });
        expect(model.inputs).toHaveLength(1);
        expect(model.outputs?.length).toBe(fits ? names.length : undefined);
      } finally {
        await serving.stop();
      }
    },
    60_000,
  );

  test('an error that nobody foresaw is a fault that is tried again, logged with its stack, and not shown', async () => {
    const lines: string[] = [];
    let tries = 0;
    const triedAgain = Promise.withResolvers<undefined>();
    const model = new ServedModel({
      model: { name: 'm', uri: 's3://a/m.onnx', task: 'Tensor' },
      config: readServingConfig({ [servingEnv.modelName]: 'm', [servingEnv.modelUri]: 's3://a/m.onnx' }),
      spawn: () => {
        throw new Error('no process is needed');
      },
      resolve: () => {
        tries += 1;
        if (tries === 2) triedAgain.resolve(undefined);
        return Promise.reject(new TypeError(`surprise ${tries}`));
      },
      metrics: createServingMetrics(createRegistry({ ofProcess: false })),
      now: () => performance.now(),
      random: () => 0,
      log: createLog('test', 'error', { write: (line) => void lines.push(line) }),
    });
    const started = model.start();
    await Promise.race([started, triedAgain.promise]);
    await model.stop();
    await started;
    expect(model.report.fault).toMatchObject({ reason: 'StorageUnavailable', retrying: true });
    expect(JSON.stringify(model.report)).not.toContain('surprise');
    expect(lines.join('')).toMatch(/TypeError: surprise 1\\n +at /);
  }, 60_000);
});
