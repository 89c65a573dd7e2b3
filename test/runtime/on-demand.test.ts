import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { createLog } from '../../lib/log.ts';
import { createRegistry } from '../../lib/metrics.ts';
import { readServingConfig } from '../../runtime/config.ts';
import { servingEnv, type Fault } from '../../runtime/contract.ts';
import { ModelFault } from '../../runtime/errors.ts';
import { ModelChild } from '../../runtime/serving/model-child-handle.ts';
import { ModelMemory } from '../../runtime/serving/model-memory.ts';
import { ServedModel } from '../../runtime/serving/served-model.ts';
import type { Resolve } from '../../runtime/serving/served-model-options.ts';
import { createServingMetrics } from '../../runtime/serving/serving-metrics.ts';
import { sumAndDifferenceModel } from '../support/models.ts';
import { until } from '../support/serving.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'modelyard-on-demand-'));
  writeFileSync(join(folder, 'model.onnx'), sumAndDifferenceModel());
});
afterAll(() => rmSync(folder, { recursive: true }));

const spareBytes = 10;
const log = createLog('test', 'silent');
let nowMs = 0;
const models: ServedModel[] = [];
afterEach(async () => {
  await Promise.all(models.splice(0).map((model) => model.stop()));
});

const place = (file: string): Awaited<ReturnType<Resolve>> => ({
  modelPath: join(folder, file),
  directory: folder,
  digest: `sha256:${'a'.repeat(64)}`,
});

function created(resolve: Resolve): { model: ServedModel; memory: ModelMemory } {
  const memory = new ModelMemory({
    budgetBytes: 1024 ** 3,
    spareBytes: () => spareBytes,
    now: () => nowMs,
    log,
    observe: { used: () => undefined, settled: () => undefined, evicted: () => undefined },
  });
  const model = new ServedModel({
    model: { name: 'm', uri: 's3://a/m.onnx', task: 'Tensor' },
    config: readServingConfig({ [servingEnv.modelName]: 'm', [servingEnv.modelUri]: 's3://a/m.onnx' }),
    resolve,
    spawn: () => new ModelChild(log, process.env),
    memory,
    metrics: createServingMetrics(createRegistry({ ofProcess: false })),
    now: () => nowMs,
    random: () => 0,
    log,
  });
  models.push(model);
  return { model, memory };
}

const unreachable: Fault = { reason: 'StorageUnavailable', message: 'no answer', retrying: true };

describe('a model that is loaded when it is asked for', () => {
  test('answers who asks where its files are gone before they are loaded, and is had once they are back', async () => {
    let file = 'gone.onnx';
    const { model, memory } = created(() => Promise.resolve(place(file)));
    await model.awake({});
    expect(model.report.fault).toMatchObject({ reason: 'ModelNotFound', retrying: true });
    expect(() => model.requireSignature()).toThrow('ModelNotFound');
    expect(memory.usedBytes).toBe(spareBytes);
    file = 'model.onnx';
    nowMs += 60_000;
    await model.awake({});
    expect(model.requireSignature().inputs).toHaveLength(2);
    expect(model.report).toMatchObject({ phase: 'Ready' });
    expect(model.report.fault).toBeUndefined();
  });

  test('says what is the matter also while it is tried again', async () => {
    let attempt = 0;
    const second = Promise.withResolvers<Awaited<ReturnType<Resolve>>>();
    const { model } = created(() => {
      attempt += 1;
      return attempt === 1 ? Promise.reject(new ModelFault(unreachable)) : second.promise;
    });
    await model.awake({});
    expect(model.report).toMatchObject({ phase: 'Failed', fault: unreachable });
    nowMs += 60_000;
    const asked = model.awake({});
    await until(() => attempt === 2);
    expect(model.report).toMatchObject({ phase: 'Resolving', fault: unreachable });
    second.resolve(place('model.onnx'));
    await asked;
    expect(model.report.fault).toBeUndefined();
  });

  test('holds no memory after it was stopped while it was on its way', async () => {
    const resolved = Promise.withResolvers<Awaited<ReturnType<Resolve>>>();
    const { model, memory } = created(() => resolved.promise);
    const asked = model.awake({});
    await until(() => model.report.phase === 'Resolving');
    await model.stop();
    await asked;
    resolved.resolve(place('model.onnx'));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(memory.usedBytes).toBe(spareBytes);
    expect(() => model.requireSignature()).toThrow();
  });
});
