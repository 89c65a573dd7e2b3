import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
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
  cacheMaxBytes: Infinity,
  volumesDir: join(root, 'volumes'),
  allowFileUris: true,
  endpoint: undefined,
  region: undefined,
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
  let minute = 0;
  const outputOf = (changes?: JobChanges): Output =>
    new Output(jobIn(root, changes), folder, () => new Date(Date.UTC(2026, 10, 24, 10, minute++)));
  const write = (output: Output, from = program, by = 0) => output.write(from, resultOf(from, by), software);
  const nameOf = ({ dataset }: Program): string => `5555555555555555-${dataset.digest.slice(7, 23)}`;
  const contentOf = (...path: string[]): Promise<Buffer> =>
    readFile(join(root, 'out', 'clouds', nameOf(program), ...path));
  const changeData = async (): Promise<Program> => {
    await writeFile(join(root, 'data.csv'), `${pointsOfClasses()}\n1,2,3,4,5,6,b`);
    return prepare();
  };
  const recordOf = (name: string): string =>
    join(root, 'out', '.jobs', 'clouds', `default.${name}.5555555555555555.json`);

  beforeEach(async () => {
    minute = 0;
    folder = await openFolder();
    program = await prepare();
  });
  afterEach(async () => {
    await program.close();
    await folder.close();
  });

  test('is what the job says it made, when, in how many steps', async () => {
    const output = outputOf();
    expect(await output.ofJob()).toBeUndefined();
    expect(await output.find(program)).toBeUndefined();
    const made = await write(output);
    const uri = pathToFileURL(join(root, 'out', 'clouds', nameOf(program), 'model')).href;
    expect(made).toEqual({
      succeeded: true,
      reason: 'Trained',
      message: `4 steps made ${uri}`,
      output: {
        uri,
        digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) as unknown,
        specHash: jobIn(root).specHash,
        dataDigest: program.dataset.digest,
        steps: 4,
        checkpointStep: 4,
        completedAtMs: Date.parse('2026-11-24T10:00:00Z'),
        testMetrics: { loss: 0.3, accuracy: 0.9 },
      },
    });
  });

  test('is all that the job ever makes, although its data change', async () => {
    const { output } = await write(outputOf());
    const changed = await changeData();
    await changed.close();
    expect(await outputOf().ofJob()).toMatchObject({ succeeded: true, reason: 'AlreadyTrained', output });
    expect(await outputOf({ specHash: `sha256:${'6'.repeat(64)}` }).ofJob()).toBeUndefined();
    expect(await outputOf({ namespace: 'other' }).ofJob()).toBeUndefined();
  });

  test('is found by a job of another name with the same spec, model and data, which ended when it found it', async () => {
    const { output } = await write(outputOf());
    const another = outputOf({ name: 'another' });
    expect(await another.ofJob()).toBeUndefined();
    const found = await another.find(program);
    const same = Object.entries(output ?? {}).filter(([name]) => name !== 'checkpointStep');
    const itsOwn = { ...Object.fromEntries(same), completedAtMs: Date.parse('2026-11-24T10:01:00Z') };
    expect(found).toEqual({
      succeeded: true,
      reason: 'AlreadyTrained',
      message: expect.stringContaining('job job of namespace default had made the same') as unknown,
      output: itsOwn,
    });
    expect((await outputOf({ name: 'another' }).ofJob())?.output).toEqual(itsOwn);
    expect((await outputOf().ofJob())?.output).toEqual(output);
  });

  test('is another one where the data, or the model to begin with, are others', async () => {
    const first = await write(outputOf());
    const changed = await changeData();
    const another = outputOf({ name: 'another' });
    expect(await another.find(changed)).toBeUndefined();
    const second = await write(another, changed);
    await changed.close();
    expect(second.output?.uri).not.toBe(first.output?.uri);
    expect(second.output?.dataDigest).not.toBe(first.output?.dataDigest);
    expect(await another.find({ ...program, baseDigest: `sha256:${'7'.repeat(64)}` })).toBeUndefined();
    expect(await contentOf('manifest.json')).toBeDefined();
  });

  test('is named by the model file to begin with too, which the manifest names', async () => {
    await writeFile(join(root, 'start.onnx'), program.model);
    const uri = pathToFileURL(join(root, 'start.onnx')).href;
    const changes: JobChanges = { model: { kind: 'Onnx', location: { uri } } };
    const further = await prepare(changes);
    const digest = createHash('sha256').update(program.model).digest('hex');
    expect(further.baseDigest).toBe(`sha256:${digest}`);
    await write(outputOf(changes), further);
    await further.close();
    const path = join(root, 'out', 'clouds', `${nameOf(program)}-${digest.slice(0, 16)}`, 'manifest.json');
    expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({ base: { uri, digest: `sha256:${digest}` } });
  });

  test('is its own although it died before it could say so', async () => {
    const first = await write(outputOf());
    await rm(recordOf('job'));
    expect(await outputOf().ofJob()).toBeUndefined();
    const again = await outputOf().find(program);
    const output = { ...first.output, completedAtMs: Date.parse('2026-11-24T10:01:00Z') };
    expect(again).toEqual({ ...first, output });
    expect((await outputOf().ofJob())?.output).toEqual(output);
  });

  test('is made again where somebody removed it', async () => {
    await write(outputOf());
    await rm(join(root, 'out', 'clouds'), { recursive: true });
    expect(await outputOf().ofJob()).toBeUndefined();
    const again = await write(outputOf());
    expect(again).toMatchObject({ reason: 'Trained', output: { completedAtMs: Date.parse('2026-11-24T10:01:00Z') } });
  });

  test('is the one that the first process of the job made, whatever another one makes', async () => {
    const first = await write(outputOf());
    const changed = await changeData();
    const late = await write(outputOf(), changed);
    await changed.close();
    expect(late).toMatchObject({ reason: 'AlreadyTrained', output: first.output });
  });

  test('is what the model store takes, under the digest that the outcome names', async () => {
    const { output } = await write(outputOf());
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
    await write(outputOf());
    const curve = (await contentOf('history.csv')).toString();
    expect(curve).toBe('step,loss,validationLoss\n1,4,\n2,3,0.4\n3,2,\n4,1,0.5\n');
  });

  test('is left as it is by a job that makes the same', async () => {
    const first = await write(outputOf());
    const manifest = await contentOf('manifest.json');
    const second = await write(outputOf({ name: 'another' }));
    const completedAtMs = Date.parse('2026-11-24T10:01:00Z');
    expect(second).toEqual({ ...first, output: { ...first.output, completedAtMs } });
    expect(await contentOf('manifest.json')).toEqual(manifest);
    expect(await readdir(join(root, 'out', 'clouds'))).toEqual([nameOf(program)]);
  });

  test('is never overwritten by a job that makes something else', async () => {
    await write(outputOf());
    const model = await contentOf('model', 'model.onnx');
    await expect(write(outputOf({ name: 'another' }), program, 1)).rejects.toMatchObject({
      code: 'OutputConflict',
      message: expect.stringContaining('spec.output.modelName') as unknown,
    });
    expect(await contentOf('model', 'model.onnx')).toEqual(model);
  });

  test.each(['not JSON', '{"specHash":"sha256:other"}'])(
    'is not taken from a folder that says %s',
    async (manifest) => {
      await folder.write(`clouds/${nameOf(program)}/manifest.json`, [Buffer.from(manifest)]);
      await expect(outputOf().find(program)).rejects.toMatchObject({ code: 'OutputConflict' });
    },
  );

  test('is not taken from a folder of other data whose name begins alike', async () => {
    await write(outputOf());
    const dataset = { digest: `${program.dataset.digest.slice(0, 23)}${'0'.repeat(48)}` };
    await expect(outputOf().find({ ...program, dataset })).rejects.toMatchObject({ code: 'OutputConflict' });
  });

  test.each([
    'not JSON',
    '{"formatVersion":1,"version":"../../secret","completionTime":"2026-11-24T10:00:00Z","steps":1}',
  ])('is not known from a record that says %s', async (record) => {
    await folder.write('.jobs/clouds/default.job.5555555555555555.json', [Buffer.from(record)]);
    await expect(outputOf().ofJob()).rejects.toMatchObject({
      code: 'OutputConflict',
      message: expect.stringContaining('remove that file') as unknown,
    });
  });
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
