import { join } from 'node:path';
import { servingEnv } from '../../runtime/contract.ts';
import { TrainingCluster } from '../../test/support/training.ts';
import type { Row } from '../main.ts';
import { measured } from '../statistics.ts';
import { runTorch } from '../torch.ts';

const servers = 2;
const workerCounts = [2, 3, 4];
const rounds = 3;
const warmupSteps = 5;
const steps = 25;
/** What DistributedDataParallel puts into one all-reduce. */
const bucketBytes = 25 * 1024 * 1024;
const classes = 3;
const [first, second] = [4_096, 4_090];
/** Weights of the perceptron 1-4096-4090-3: 64 MiB of float32. */
const elements = 2 * first + (first + 1) * second + (second + 1) * classes;
const payloadBytes = elements * Float32Array.BYTES_PER_ELEMENT;
const rowCount = 3_000;

/** MB per second, from steps that took so long. */
const rate = (count: number, seconds: number): number => (count * payloadBytes) / seconds / 1e6;

/** Servers that sum and take a step of SGD, and workers whose gradients are there at once; each pushes all of its own, and pulls all parameters. */
async function ours(workers: number): Promise<number> {
  const rows = Array.from({ length: rowCount }, (_, row) => `${row / rowCount},c${row % classes}\n`);
  const cluster = await TrainingCluster.start({
    servers,
    workers,
    workerMain: join(import.meta.dirname, 'exchange-worker.ts'),
    data: ['x,label\n', ...rows].join(''),
    environment: () => ({ [servingEnv.logLevel]: 'warn' }),
    job: {
      model: { kind: 'Mlp', hidden: [first, second], activation: 'Relu', dropout: 0 },
      data: { validationSplit: 0, testSplit: 0 },
      batchSize: workers,
      gradientShards: workers,
      epochs: 1_000,
      optimizer: { name: 'SGD', learningRate: 1e-6 },
    },
  });
  try {
    await cluster.reached(warmupSteps, 180_000);
    const begun = performance.now();
    await cluster.reached(warmupSteps + steps, 180_000);
    return rate(steps, (performance.now() - begun) / 1_000);
  } finally {
    await cluster.end();
  }
}

async function theirs(workers: number): Promise<number> {
  const description = { workers, elements, bucketBytes, warmupSteps, steps };
  const { seconds } = await runTorch<{ seconds: number }>('exchange.py', description, {});
  return rate(steps, seconds);
}

function memcpy(): number {
  const [from, to] = [new Float32Array(elements).fill(1), new Float32Array(elements)];
  to.set(from);
  const begun = performance.now();
  for (let step = 0; step < steps; step++) to.set(from);
  return rate(steps, (performance.now() - begun) / 1_000);
}

/**
 * P9: how much of a gradient a worker can exchange in a second. A step of ours pushes a gradient of 64 MiB to the servers and pulls as many parameters
 * that SGD made of the sum; one of gloo's is an all-reduce of as many bytes, and no optimizer.
 */
export async function exchange(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const workers of workerCounts) {
    const [mine, others, copies]: [number[], number[], number[]] = [[], [], []];
    for (let round = 0; round < rounds; round++) {
      others.push(await theirs(workers));
      mine.push(await ours(workers));
      copies.push(memcpy());
    }
    for (const [values, referenceName] of [
      [others, 'gloo all-reduce'],
      [copies, 'memcpy, one core'],
    ] as const) {
      rows.push({
        what: `P9 gradient exchange, ${servers} servers, ${workers} workers`,
        unit: 'MB of gradient per second and worker',
        ours: measured(mine).median,
        oursRange: measured(mine),
        reference: measured(values).median,
        referenceRange: measured(values),
        referenceName,
      });
    }
  }
  return rows;
}
