import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAllDocuments, stringify } from 'yaml';
import { run } from '../../cli/commands/run.ts';
import { readValid } from '../../cli/documents.ts';
import type { Terminal } from '../../cli/terminal.ts';
import { writeDigits } from '../../examples/digits/data.ts';
import { createLog } from '../../lib/log.ts';
import type { TrainingJob } from '../../operator/api/training-job.gen.ts';
import { jobConfigMap } from '../../operator/core/training/job-file.ts';
import { storageOf } from '../../runtime/config.ts';
import { prepareProgram, type Program } from '../../runtime/training/program.ts';
import { jobFileName, type TrainingJobFile } from '../../runtime/training-contract.ts';
import type { Row } from '../main.ts';
import { measured, meanOf } from '../statistics.ts';
import { runTorch } from '../torch.ts';

const example = join(import.meta.dirname, '..', '..', 'examples', 'digits', 'train-and-serve.yaml');
const seeds = [1, 2, 3];
/** Of the training rows, that PyTorch trains in from the weights of each seed. */
const orders = [1, 2, 3];
/** What accuracies may differ by, in points of a hundred. */
const bar = 0.5;
const splits = ['train', 'validation', 'test'] as const;
const log = createLog('bench', 'error');

/** The demo's job with another seed, that leaves the same model whatever its accuracy. */
async function jobWith(seed: number): Promise<object> {
  const [document] = parseAllDocuments(await readFile(example, 'utf8'));
  const { spec, ...job } = document?.toJS() as { spec: { train: object; acceptance: object } };
  return { ...job, spec: { ...spec, train: { ...spec.train, seed }, acceptance: undefined } };
}

/** Trains it with the processes that the demo has. Returns the accuracy on the test split that the manifest states. */
async function ours(folder: string, file: string): Promise<number> {
  const said: string[] = [];
  const say = (text: string): void => void said.push(text);
  const terminal: Terminal = {
    print: say,
    write: say,
    columns: () => 100,
    stdin: process.stdin,
    now: () => new Date(),
    folder,
    env: process.env,
    stop: new AbortController().signal,
  };
  if (!(await run(terminal, [file], { log }))) throw new Error(`the job failed:\n${said.join('\n')}`);
  const lineage = join(folder, 'volumes', 'models', 'digits');
  const [version, ...others] = await readdir(lineage);
  if (version === undefined || others.length > 0) throw new Error(`there is no one version in ${lineage}`);
  const manifest = JSON.parse(await readFile(join(lineage, version, 'manifest.json'), 'utf8')) as {
    metrics: { test: { accuracy: number } };
  };
  await rm(join(folder, 'volumes', 'models'), { recursive: true });
  return manifest.metrics.test.accuracy;
}

/** What the pods of the job get: its file, and the model and the rows that they make of it. */
async function programOf(folder: string, file: string): Promise<{ job: TrainingJobFile; program: Program }> {
  const [document] = await readValid([file], process.stdin);
  const owner = document?.object as TrainingJob;
  const { train } = owner.spec;
  if (!train) throw new Error(`${file} trains nothing`);
  const { data } = jobConfigMap(owner, train, []) as unknown as { data: Record<string, string> };
  const job = JSON.parse(data[jobFileName] ?? '') as TrainingJobFile;
  const places = {
    allowedCidrs: [],
    cacheDir: join(folder, 'cache'),
    cacheMaxBytes: Infinity,
    volumesDir: join(folder, 'volumes'),
  };
  const program = await prepareProgram({
    job,
    storageOf: (name, location) => storageOf({}, name, location, { ...places, allowFileUris: false }),
    workFolder: join(folder, 'rows'),
    signal: new AbortController().signal,
    log,
  });
  return { job, program };
}

/** Trains the same model on the same rows in PyTorch. Returns the accuracy on the test split for each order. */
async function theirs({ job, program }: Awaited<ReturnType<typeof programOf>>): Promise<number[]> {
  const { model, dataset } = program;
  const input = dataset.features.name;
  const parts = await Promise.all(splits.map((split) => dataset.read(split, 0, 0, dataset.split[split], input)));
  const bytesOf = ({ buffer }: { buffer: ArrayBufferLike }): Uint8Array => new Uint8Array(buffer);
  const inputs = Buffer.concat(parts.flatMap(({ inputs }) => [...inputs.values()].map(({ data }) => bytesOf(data))));
  const labels = Buffer.concat(parts.map(({ labels: { data } }) => bytesOf(data)));
  const starts = [0, dataset.split.train, dataset.split.train + dataset.split.validation, dataset.rows];
  const description = {
    ...Object.fromEntries(splits.map((split, index) => [split, starts.slice(index, index + 2)])),
    loss: job.loss,
    optimizer: job.optimizer,
    batchSize: job.batchSize,
    epochs: job.epochs,
    orders,
    threads: availableParallelism(),
    input,
    output: 'logits',
    inputShape: dataset.features.shape,
  };
  const files = { 'model.onnx': model, 'inputs.bin': inputs, 'labels.bin': labels };
  return (await runTorch<{ accuracies: number[] }>('accuracy.py', description, files)).accuracies;
}

/**
 * Accuracy on the test split of the model that `npm run demo` trains, beside PyTorch's from the same weights on the same split. PyTorch takes the
 * statistics of BatchNormalization from a whole batch, as its users do, and ours from each gradient shard of it.
 */
export async function accuracy(): Promise<Row[]> {
  const folder = await mkdtemp(join(tmpdir(), 'modelyard-bench-'));
  const pairs: { seed: number; mine: number; others: number[] }[] = [];
  try {
    await writeDigits(join(folder, 'volumes', 'data'));
    const file = join(folder, 'job.yaml');
    for (const seed of seeds) {
      await writeFile(file, stringify(await jobWith(seed)));
      const mine = await ours(folder, file);
      const prepared = await programOf(folder, file);
      const others = await theirs(prepared).finally(() => prepared.program.close());
      pairs.push({ seed, mine: mine * 100, others: others.map((share) => share * 100) });
    }
  } finally {
    await rm(folder, { recursive: true });
  }
  const what = "accuracy on the test split of the demo's model";
  const referenceName = `PyTorch, mean of ${orders.length} orders`;
  const perSeed = pairs.map(({ seed, mine, others }): Row => {
    const reference = meanOf(others);
    return {
      what: `${what}, seed ${seed}`,
      unit: '% right',
      ours: mine,
      reference,
      referenceRange: measured(others),
      referenceName,
    };
  });
  const [mine, other] = [meanOf(perSeed.map((row) => row.ours)), meanOf(perSeed.map((row) => row.reference))];
  return [
    ...perSeed,
    { what: `${what}, mean of the seeds`, unit: '% right', ours: mine, reference: other, referenceName },
    {
      what: `${what}, distance of the means`,
      unit: 'points',
      ours: Math.abs(mine - other),
      reference: bar,
      referenceName: 'the bar',
    },
  ];
}
