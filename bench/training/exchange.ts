import { join } from 'node:path';
import { servingEnv } from '../../runtime/contract.ts';
import { eventually } from '../../test/support/eventually.ts';
import { serverName, TrainingCluster } from '../../test/support/training.ts';
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
const patienceMs = 180_000;

/** MB per second, from steps that took so long. */
const rate = (count: number, seconds: number): number => (count * payloadBytes) / seconds / 1e6;

/** A step that all workers have a share in. */
async function stepWith(workers: number, cluster: TrainingCluster): Promise<number> {
  let step = NaN;
  const join = async (): Promise<void> => {
    const job = (await cluster.report(serverName(0)))?.job;
    if (job?.connectedWorkers !== workers) throw new Error(`${workers} workers did not join: ${await cluster.log()}`);
    ({ step } = job);
  };
  await eventually(join, patienceMs, 100);
  return step;
}

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
    const first = (await stepWith(workers, cluster)) + warmupSteps;
    await cluster.reached(first, patienceMs);
    const begun = performance.now();
    await cluster.reached(first + steps, patienceMs);
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
 * P9. A step of ours pushes a gradient to the servers and pulls as many parameters, which SGD made of the sum; one of gloo's is an all-reduce of as many
 * bytes, and no optimizer. Processes of both send each byte over the loopback device: in a step of ours each worker a gradient and the servers as
 * many parameters to each worker, in a ring of gloo each worker the vector twice but for two parts of as many as there are workers.
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
    const what = `P9 ${servers} servers, ${workers} workers, ${Math.round(payloadBytes / 1e6)} MB a step`;
    const exchanged = 'MB/s of gradient exchanged by each worker';
    rows.push(
      rowOf(`${what}: exchange`, exchanged, mine, others, 'gloo all-reduce'),
      rowOf(`${what}: exchange`, exchanged, mine, copies, 'memcpy on one core'),
      rowOf(
        `${what}: transport`,
        'MB/s sent by all processes',
        mine.map((value) => value * 2 * workers),
        others.map((value) => value * 2 * (workers - 1)),
        'gloo, in a ring',
      ),
    );
  }
  return rows;
}

function rowOf(what: string, unit: string, mine: number[], others: number[], referenceName: string): Row {
  const [oursRange, referenceRange] = [measured(mine), measured(others)];
  return {
    what,
    unit,
    ours: oursRange.median,
    oursRange,
    reference: referenceRange.median,
    referenceRange,
    referenceName,
  };
}
