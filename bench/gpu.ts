import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { ModelClient } from '../client/model-client.ts';
import { servingEnv } from '../runtime/contract.ts';
import { gpuCases, type GpuCase } from '../test/support/gpu-cases.ts';
import { seededRandom } from '../test/support/random.ts';
import { startServingProcess } from '../test/support/serving.ts';
import { serverName, TrainingCluster } from '../test/support/training.ts';
import type { Row } from './main.ts';
import { quantile } from './statistics.ts';
import { adam, cnn, type ModelCase } from './training/cases.ts';

const model = 'model';
const cores = availableParallelism();
const batches = [1, 8, 32];
const seconds = 3;
const warmUps = 3;

interface Served {
  firstMs: number;
  samplesPerSecond: number;
}

/** Of each batch size: one client over gRPC that sends the same request again as soon as it is answered. */
async function served(
  bytes: Uint8Array,
  request: GpuCase['request'],
  sizes: readonly number[],
  settings: { executionProvider: 'cpu' | 'cuda' },
  environment: Record<string, string> = {},
): Promise<Served[]> {
  const serving = startServingProcess({ files: { 'model.onnx': bytes }, settings, environment });
  const client = ModelClient.grpc(serving.grpc, { model });
  try {
    await serving.ready();
    const measurements: Served[] = [];
    for (const size of sizes) {
      const tensors = request(size, size);
      const once = async (): Promise<number> => {
        const begun = performance.now();
        await client.predict(tensors);
        return performance.now() - begun;
      };
      const firstMs = await once();
      for (let warmUp = 1; warmUp < warmUps; warmUp++) await once();
      const takenMs: number[] = [];
      const end = performance.now() + seconds * 1_000;
      while (performance.now() < end) takenMs.push(await once());
      measurements.push({ firstMs, samplesPerSecond: (size * 1_000) / quantile(takenMs, 0.5) });
    }
    return measurements;
  } finally {
    await client.close();
    await serving.stop();
  }
}

async function servingRows({ name, model: build, request }: GpuCase): Promise<Row[]> {
  const bytes = build();
  const cuda = { executionProvider: 'cuda' } as const;
  const gpu = await served(bytes, request, batches, cuda);
  const cpu = await served(bytes, request, batches, { executionProvider: 'cpu' });
  const rounded = await served(bytes, request, batches, cuda, { NVIDIA_TF32_OVERRIDE: '1' });
  return batches.flatMap((size, index): Row[] => {
    const { samplesPerSecond: ours = NaN, firstMs = NaN } = gpu[index] ?? {};
    const what = `${name}, batch ${size}, one client over gRPC`;
    const unit = 'samples/s';
    return [
      { what, unit, ours, reference: cpu[index]?.samplesPerSecond ?? NaN, referenceName: `CPU, ${cores} cores` },
      { what, unit, ours, reference: rounded[index]?.samplesPerSecond ?? NaN, referenceName: 'the GPU with TF32' },
      {
        what: `${name}, first batch of ${size}`,
        unit: 'ms',
        ours: firstMs,
        reference: (size * 1_000) / ours,
        referenceName: 'each later one',
      },
    ];
  });
}

const wide: ModelCase = {
  name: 'CNN 64-128 with BatchNormalization',
  source: { kind: 'Cnn', channels: [64, 128], kernelSize: 3, activation: 'Relu', batchNormalization: true, dropout: 0 },
  shape: [1, 28, 28],
};

/** Images of noise of ten classes, as the content of data.csv. */
function noise(rows: number): string {
  const random = seededRandom(3);
  const pixels = 28 * 28;
  const lines = Array.from({ length: rows }, (_, row) =>
    [row % 10, ...Array.from({ length: pixels }, () => random.integer(100) / 100)].join(),
  );
  return [['digit', ...Array.from({ length: pixels }, (_, pixel) => `p${pixel}`)].join(), ...lines, ''].join('\n');
}

/** Samples per second of a whole job with one server and one worker. */
async function trained(
  { source, shape }: ModelCase,
  batchSize: number,
  executionProvider: 'cpu' | 'cuda',
  data: string,
): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'modelyard-bench-'));
  const job = {
    model: source,
    data: { label: 'digit', shape },
    batchSize,
    // A GPU makes one run at a time, and does better with large ones.
    gradientShards: executionProvider === 'cuda' ? 1 : cores,
    epochs: 1_000,
    optimizer: adam,
    checkpoint: { location: { uri: pathToFileURL(folder).href }, every: 1_000_000, keep: 1 },
  };
  const environment = (): Record<string, string> => ({ [servingEnv.executionProvider]: executionProvider });
  const cluster = await TrainingCluster.start({ servers: 1, workers: 1, data, job, environment });
  try {
    await cluster.reached(20, 180_000);
    const stepAt = async (): Promise<number> => (await cluster.report(serverName(0)))?.job?.step ?? 0;
    const [from, begun] = [await stepAt(), performance.now()];
    await sleep(seconds * 2_000);
    const [until, ended] = [await stepAt(), performance.now()];
    return ((until - from) * batchSize) / ((ended - begun) / 1_000);
  } finally {
    await cluster.end();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Serving and training on an NVIDIA GPU beside all cores of the same machine, in the same run. */
export async function gpu(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const gpuCase of gpuCases) rows.push(...(await servingRows(gpuCase)));
  const data = noise(2_560);
  const jobs = [
    [cnn, 128],
    [wide, 512],
  ] as const;
  for (const [modelCase, batchSize] of jobs) {
    rows.push({
      what: `${modelCase.name}, Adam, batch ${batchSize}, one server and one worker`,
      unit: 'samples/s',
      ours: await trained(modelCase, batchSize, 'cuda', data),
      reference: await trained(modelCase, batchSize, 'cpu', data),
      referenceName: `CPU, ${cores} cores`,
    });
  }
  return rows;
}
