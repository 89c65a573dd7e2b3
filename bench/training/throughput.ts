import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { writeDigits } from '../../examples/digits/data.ts';
import { buildModel } from '../../runtime/training/model/build-model.ts';
import { serverName, TrainingCluster } from '../../test/support/training.ts';
import type { Row } from '../main.ts';
import { measured } from '../statistics.ts';
import { runTorch } from '../torch.ts';
import { adam, cnn, digits, mlp, type ModelCase } from './cases.ts';

/** In a small batch of a small network, moving the parameters takes longer than the arithmetic. */
const cases: readonly (readonly [ModelCase, batchSize: number])[] = [
  [mlp, 128],
  [mlp, 1_024],
  [cnn, 128],
];
const seconds = 6;
const rounds = 3;
const threads = availableParallelism();

/** Samples per second of a whole job, one server and one worker with as many runs at a time as there are cores, data read along. */
async function ours({ source, shape }: ModelCase, batchSize: number, data: string): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'modelyard-bench-'));
  const job = {
    model: source,
    data: { label: 'digit', shape },
    batchSize,
    gradientShards: threads,
    epochs: 1_000,
    optimizer: adam,
    checkpoint: { location: { uri: pathToFileURL(folder).href }, every: 1_000_000, keep: 1 },
  };
  const cluster = await TrainingCluster.start({ servers: 1, workers: 1, data, job });
  try {
    await cluster.reached(100, 180_000);
    const stepAt = async (): Promise<number> => (await cluster.report(serverName(0)))?.job?.step ?? 0;
    const [from, begun] = [await stepAt(), performance.now()];
    await sleep(seconds * 1_000);
    const [until, ended] = [await stepAt(), performance.now()];
    return ((until - from) * batchSize) / ((ended - begun) / 1_000);
  } finally {
    await cluster.end();
    await rm(folder, { recursive: true, force: true });
  }
}

async function theirs({ source, shape }: ModelCase, batchSize: number): Promise<number> {
  const rows = 8_960;
  const { images, labels } = digits(rows);
  const features = { name: 'features', dataType: 'FP32' as const, shape: [-1, ...shape] };
  const model = buildModel(source, { features, label: { kind: 'Classes', classes: 10 }, seed: 7 });
  const description = {
    loss: 'CrossEntropy',
    optimizer: adam,
    batchSize,
    seconds,
    threads,
    input: 'features',
    output: 'logits',
    inputShape: [rows, ...shape],
  };
  const files = { 'model.onnx': model, 'inputs.bin': images, 'labels.bin': labels };
  const { samplesPerSecond } = await runTorch<{ samplesPerSecond: number }>('throughput.py', description, files);
  return samplesPerSecond;
}

/** P8: whole jobs beside PyTorch's eager steps on data in memory, with the same number of cores, in turns. */
export async function throughput(): Promise<Row[]> {
  const folder = await mkdtemp(join(tmpdir(), 'modelyard-bench-'));
  const rows: Row[] = [];
  try {
    const data = await readFile(await writeDigits(folder), 'utf8');
    for (const [modelCase, batchSize] of cases) {
      const [mine, others]: [number[], number[]] = [[], []];
      for (let round = 0; round < rounds; round++) {
        others.push(await theirs(modelCase, batchSize));
        mine.push(await ours(modelCase, batchSize, data));
      }
      const [oursRange, referenceRange] = [measured(mine), measured(others)];
      rows.push({
        what: `P8 ${modelCase.name}, Adam, batch ${batchSize}, ${threads} cores, median of ${rounds} rounds`,
        unit: 'samples/s',
        ours: oursRange.median,
        oursRange,
        reference: referenceRange.median,
        referenceRange,
        referenceName: 'PyTorch eager',
      });
    }
  } finally {
    await rm(folder, { recursive: true });
  }
  return rows;
}
