import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { openWritableFolder, type WritableFolder } from '../../../../runtime/store/writable-folder.ts';
import { resolveModel } from '../../../../runtime/store/model.ts';
import { Output } from '../../../../runtime/training/output.ts';
import { initialWeights, prepareProgram, type Program } from '../../../../runtime/training/program.ts';
import type { TrainingResult } from '../../../../runtime/training/coordinator/options.ts';
import { jobIn, pointsOfClasses, type JobChanges } from '../../../support/training-job.ts';

const log = pino({ level: 'silent' });
const software = { modelyard: '1', onnxruntime: '1', node: '24', platform: 'linux-x64' };
let root: string;
const storageOf = () => ({
  allowedCidrs: [],
  cacheDir: join(root, 'cache'),
  volumesDir: join(root, 'volumes'),
  allowFileUris: true,
  s3Endpoint: undefined,
  s3Region: undefined,
  ca: undefined,
  credentials: {},
});
const signal = new AbortController().signal;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'modelyard-output-'));
  await writeFile(join(root, 'data.csv'), pointsOfClasses());
});
afterEach(() => rm(root, { recursive: true }));

const prepare = (changes?: JobChanges): Promise<Program> =>
  prepareProgram({ job: jobIn(root, changes), storageOf, workFolder: join(root, 'work'), signal, log });

const openFolder = (): Promise<WritableFolder> =>
  openWritableFolder(pathToFileURL(join(root, 'out')).href, storageOf(), {
    noun: 'output',
    field: 'spec.output',
    signal,
    now: () => performance.now(),
    random: Math.random,
    log,
  });

function resultOf(program: Program, by = 0): TrainingResult {
  const weights = initialWeights(program).map((value) => value + by);
  return {
    prepared: {} as never,
    steps: 4,
    best: { version: 2, weights },
    last: { version: 4, weights: weights.map((value) => 2 * value) },
    testMetrics: { loss: 0.3, accuracy: 0.9 },
    losses: Float64Array.of(4, 3, 2, 1),
    evaluations: [
      { version: 2, trainingLoss: 3.5, metrics: { loss: 0.4 } },
      { version: 4, trainingLoss: 1.5, metrics: { loss: 0.5 } },
    ],
    recomputedSteps: 0,
  };
}

describe('the version that a job makes', () => {
  let folder: WritableFolder;
  let program: Program;
  const path = join('clouds', '5555555555555555');

  beforeEach(async () => {
    folder = await openFolder();
    program = await prepare();
  });
  afterEach(async () => {
    await program.close();
    await folder.close();
  });

  test('is found by whoever has the same spec, and by nobody else', async () => {
    const output = new Output(jobIn(root), folder);
    expect(await output.find()).toBeUndefined();
    const made = await output.write(program, resultOf(program), software);
    expect(made).toMatchObject({ succeeded: true, reason: 'Trained' });
    expect(made.output).toEqual({
      uri: pathToFileURL(join(root, 'out', path, 'model')).href,
      digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) as unknown,
      specHash: jobIn(root).specHash,
      dataDigest: program.dataset.digest,
      steps: 2,
      testMetrics: { loss: 0.3, accuracy: 0.9 },
    });
    const found = await new Output(jobIn(root, { name: 'another' }), folder).find();
    expect(found).toMatchObject({ succeeded: true, reason: 'AlreadyTrained', output: made.output });
    expect(await new Output(jobIn(root, { specHash: `sha256:${'6'.repeat(64)}` }), folder).find()).toBeUndefined();
  });

  test('is what the model store takes, under the digest that the outcome names', async () => {
    const { output } = await new Output(jobIn(root), folder).write(program, resultOf(program), software);
    const request = {
      uri: `${output?.uri ?? ''}/`,
      field: 'spec.model',
      digest: output?.digest,
      pinnedDigest: undefined,
    };
    const hooks = { onProgress: () => undefined, signal, log };
    const { digest } = await resolveModel({ ...request, storage: storageOf() }, hooks);
    expect(digest).toBe(output?.digest);
  });

  test('has the whole curve, and the validation loss where there was one', async () => {
    await new Output(jobIn(root), folder).write(program, resultOf(program), software);
    const curve = await readFile(join(root, 'out', path, 'history.csv'), 'utf8');
    expect(curve).toBe('step,loss,validationLoss\n1,4,\n2,3,0.4\n3,2,\n4,1,0.5\n');
  });

  test('is left as it is by a job that makes the same', async () => {
    const first = await new Output(jobIn(root), folder).write(program, resultOf(program), software);
    const manifest = await readFile(join(root, 'out', path, 'manifest.json'));
    const job = jobIn(root, { name: 'another' });
    const second = await new Output(job, folder).write(program, resultOf(program), software);
    expect(second).toEqual(first);
    expect(await readFile(join(root, 'out', path, 'manifest.json'))).toEqual(manifest);
  });

  test('is never overwritten by a job that makes something else', async () => {
    await new Output(jobIn(root), folder).write(program, resultOf(program), software);
    const model = await readFile(join(root, 'out', path, 'model', 'model.onnx'));
    const other = new Output(jobIn(root), folder).write(program, resultOf(program, 1), software);
    await expect(other).rejects.toMatchObject({
      code: 'OutputConflict',
      message: expect.stringContaining('spec.output.modelName') as unknown,
    });
    expect(await readFile(join(root, 'out', path, 'model', 'model.onnx'))).toEqual(model);
  });

  test.each(['not JSON', '{"specHash":"sha256:other"}'])(
    'is not taken from a folder that says %s',
    async (manifest) => {
      await folder.write(`clouds/5555555555555555/manifest.json`, [Buffer.from(manifest)]);
      await expect(new Output(jobIn(root), folder).find()).rejects.toMatchObject({ code: 'OutputConflict' });
    },
  );
});

describe('the program of a job', () => {
  test('is the same wherever it is prepared, and gives its disk space back', async () => {
    const [first, second] = [await prepare(), await prepare()];
    expect(second.digest).toBe(first.digest);
    expect(initialWeights(second)).toEqual(initialWeights(first));
    expect(initialWeights(first)).toHaveLength(first.graph.layout.total);
    await first.close();
    await second.close();
    await expect(readFile(join(root, 'work', 'rows.bin'))).rejects.toThrow('ENOENT');
  });

  test('differs where what is trained differs', async () => {
    const plain = await prepare();
    const frozen = await prepare({ freeze: ['hidden.1.*'] });
    expect(frozen.digest).not.toBe(plain.digest);
    await plain.close();
    await frozen.close();
  });

  test('is a model of the job that is trained on, with a fresh last layer', async () => {
    const made = await prepare({ model: { kind: 'Mlp', hidden: [5], activation: 'Tanh', dropout: 0 } });
    await made.close();
    await writeFile(join(root, 'start.onnx'), made.model);
    const location = { uri: pathToFileURL(join(root, 'start.onnx')).href };
    const again = await prepare({ model: { kind: 'Onnx', location } });
    await again.close();
    expect(again.graph.layout).toEqual(made.graph.layout);
    expect(initialWeights(again)).toEqual(initialWeights(made));
    const fresh = await prepare({ model: { kind: 'Onnx', location }, headClasses: 3 });
    await fresh.close();
    expect(initialWeights(fresh)).not.toEqual(initialWeights(made));
  });

  test.each<[string, JobChanges, string, RegExp]>([
    ['a model of other inputs', { data: { features: ['x0', 'x1'] } }, 'ModelNotTrainable', /spec\.train\.data/],
    [
      'a model that is not there',
      { model: { kind: 'Onnx', location: { uri: 'file:///none.onnx' } } },
      'ModelNotFound',
      /none/,
    ],
    ['data that are not there', { data: { location: { uri: 'file:///none.csv' } } }, 'DataNotFound', /none/],
  ])('is refused with the reason and the cure: %s', async (_, changes, code, message) => {
    const made = await prepare();
    await made.close();
    await writeFile(join(root, 'start.onnx'), made.model);
    const location = { uri: pathToFileURL(join(root, 'start.onnx')).href };
    await expect(prepare({ model: { kind: 'Onnx', location }, ...changes })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as unknown,
    });
  });
});
