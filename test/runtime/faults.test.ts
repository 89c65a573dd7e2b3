import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { adminPaths, exitCodes, servingEnv, type Fault } from '../../runtime/contract.ts';
import { identityModel } from '../support/models.ts';
import { startServingProcess, until, type ServingProcess, type ServingSetup } from '../support/serving.ts';

async function faultOf(setup: ServingSetup, check?: (serving: ServingProcess) => Promise<void>): Promise<Fault> {
  const serving = startServingProcess(setup);
  try {
    await until(async () => (await serving.report().catch(() => undefined))?.model.fault !== undefined);
    const { model } = await serving.report();
    if (!model.fault?.retrying) expect(model.phase).toBe('Failed');
    const ready = await fetch(`${serving.admin}${adminPaths.ready}`);
    expect([ready.status, await ready.text()]).toEqual([503, expect.stringContaining(model.fault?.reason ?? '')]);
    expect((await fetch(`${serving.admin}${adminPaths.live}`)).status).toBe(200);
    expect((await fetch(`${serving.url}/v2/health/ready`)).status).toBe(503);
    const infer = await fetch(`${serving.url}/v2/models/model/infer`, { method: 'POST', body: '{"inputs":[]}' });
    expect(infer.status).toBe(503);
    expect(infer.headers.get('retry-after')).not.toBeNull();
    expect(model.fault?.message.replaceAll(model.uri, '')).not.toMatch(
      /node_modules|modelyard-serving-|\/(?:tmp|home|root)\//,
    );
    await check?.(serving);
    if (!model.fault) throw new Error('the fault went away');
    return model.fault;
  } finally {
    expect(await serving.stop()).toBe(0);
  }
}

describe('a model that cannot serve is named in the report while the process stays alive', () => {
  test('no ONNX at all', async () => {
    const fault = await faultOf({ files: { 'model.onnx': 'this is no model' } });
    expect(fault).toMatchObject({
      reason: 'InvalidModel',
      retrying: false,
      message: expect.stringContaining('Protobuf'),
    });
  }, 60_000);

  test('an operator that does not exist', async () => {
    const model = Buffer.from(
      Buffer.from(identityModel('FLOAT')).toString('latin1').replace('Identity', 'Identitx'),
      'latin1',
    );
    const fault = await faultOf({ files: { 'model.onnx': model } });
    expect(fault).toMatchObject({
      reason: 'InvalidModel',
      retrying: false,
      message: expect.stringContaining('Identitx'),
    });
  }, 60_000);

  test('an element type that cannot be carried', async () => {
    const fault = await faultOf({ files: { 'model.onnx': identityModel('BFLOAT16') } });
    expect(fault).toMatchObject({
      reason: 'UnsupportedModel',
      retrying: false,
      message: expect.stringContaining('BFLOAT16'),
    });
  }, 60_000);

  test('no model at that place, which is tried again', async () => {
    const fault = await faultOf({ files: {} });
    expect(fault).toMatchObject({ reason: 'ModelNotFound', retrying: true });
  }, 60_000);

  test('no CUDA where CUDA is asked for', async () => {
    const fault = await faultOf({
      files: { 'model.onnx': identityModel('FLOAT') },
      settings: { executionProvider: 'cuda' },
    });
    expect(fault).toMatchObject({ reason: 'AcceleratorUnavailable', retrying: true });
  }, 60_000);

  test('an image task on a model that takes no images', async () => {
    const fault = await faultOf({
      files: { 'model.onnx': identityModel('FLOAT') },
      settings: { task: 'ImageClassification' },
    });
    expect(fault).toMatchObject({
      reason: 'UnsupportedModel',
      retrying: false,
      message: expect.stringContaining('ImageClassification'),
    });
  }, 60_000);
});

test('a model process that keeps dying is reported, not restarted in a loop', async () => {
  const serving = startServingProcess({ files: { 'model.onnx': identityModel('FLOAT') } });
  const child = (): number | undefined =>
    Number(
      readFileSync(`/proc/${serving.process.pid}/task/${serving.process.pid}/children`, 'utf8').trim().split(' ')[0],
    ) || undefined;
  try {
    for (let deaths = 0; deaths < 3; deaths++) {
      await serving.ready();
      const pid = child();
      if (pid !== undefined) process.kill(pid, 'SIGKILL');
      await until(() => child() !== pid);
    }
    await until(async () => (await serving.report()).model.fault !== undefined);
    const { model } = await serving.report();
    expect(model).toMatchObject({ phase: 'Failed', fault: { reason: 'ModelCrashed', retrying: true } });
    expect(child()).toBeUndefined();
  } finally {
    expect(await serving.stop()).toBe(0);
  }
}, 60_000);

describe('a bad configuration', () => {
  const program = fileURLToPath(new URL('../../runtime/serve.ts', import.meta.url));
  const good = { [servingEnv.modelName]: 'model', [servingEnv.modelUri]: 'file:///model.onnx' };
  const cases: [string, Record<string, string>, string][] = [
    ['no name', { [servingEnv.modelName]: '' }, 'MODELYARD_MODEL_NAME is not set; set it to a name'],
    [
      'a URI that is none',
      { [servingEnv.modelUri]: 'model.onnx' },
      'MODELYARD_MODEL_URI is "model.onnx"; set it to a URI such as',
    ],
    [
      'a digest that is none',
      { [servingEnv.modelDigest]: 'abc' },
      'MODELYARD_MODEL_DIGEST is "abc"; set it to sha256:',
    ],
    ['an unknown task', { [servingEnv.task]: 'Poetry' }, 'MODELYARD_TASK is "Poetry"; set it to one of Tensor'],
    [
      'a number out of range',
      { [servingEnv.queueMaxLength]: '0' },
      'MODELYARD_QUEUE_MAX_LENGTH is "0"; set it to a whole number from 1',
    ],
    [
      'a duration with a unit',
      { [servingEnv.timeoutMs]: '30s' },
      'MODELYARD_TIMEOUT_MS is "30s"; set it to a whole number',
    ],
    ['a flag', { [servingEnv.warmup]: 'yes' }, 'MODELYARD_WARMUP is "yes"; set it to one of true, false'],
  ];
  test.each(cases)('%s ends the process with the variable and the cure', async (_name, change, message) => {
    const child = spawn(process.execPath, [program], {
      env: { ...good, ...change },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let text = '';
    child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number];
    expect(text).toContain(message);
    expect(code).toBe(exitCodes.badConfiguration);
  });
});
