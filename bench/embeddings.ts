import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ModelClient } from '../client/model-client.ts';
import { servingEnv } from '../runtime/contract.ts';
import { miniLm } from '../test/support/minilm-model.ts';
import { seededRandom } from '../test/support/random.ts';
import type { Row } from './main.ts';
import { withOwnServer } from './own-server.ts';
import { measured } from './statistics.ts';
import { runTorch } from './torch.ts';

const host = '127.0.1.2';
const name = 'bench';
const threads = availableParallelism();
const seconds = 8;
const rounds = 3;
/** Of sentence-transformers' own default. */
const batchSize = 32;
const compared = 64;

/** Sentences of 3 to 60 words, most of them short. */
function sentences(count: number): string[] {
  const random = seededRandom(5);
  const words =
    'the a of and model reads what people write to each other about weather trains music prices gardens law'.split(' ');
  return Array.from({ length: count }, () => {
    const length = 3 + Math.floor(57 * (random.integer(1_000) / 1_000) ** 2);
    return Array.from({ length }, () => random.pick(words)).join(' ');
  });
}

async function withServer<T>(model: string, work: (client: ModelClient) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'modelyard-bench-'));
  const settings = {
    [servingEnv.modelName]: name,
    [servingEnv.modelUri]: `${pathToFileURL(model).href}/`,
    [servingEnv.task]: 'FeatureExtraction',
    [servingEnv.cacheDir]: folder,
  };
  try {
    return await withOwnServer(host, settings, async ({ grpc }) => {
      const client = ModelClient.grpc(grpc, { model: name });
      try {
        return await work(client);
      } finally {
        await client.close();
      }
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Sentences per second of two clients that send all texts, so many in a request, over and over. */
async function served(client: ModelClient, texts: readonly string[], perRequest: number): Promise<number> {
  const requests = Array.from({ length: Math.ceil(texts.length / perRequest) }, (_, index) =>
    texts.slice(index * perRequest, (index + 1) * perRequest),
  );
  let [next, done] = [0, 0];
  const begun = performance.now();
  const loop = async (): Promise<void> => {
    while (performance.now() - begun < seconds * 1_000) {
      const request = requests[next++ % requests.length] ?? [];
      done += (await client.predict(request)).length;
    }
  };
  await Promise.all([loop(), loop()]);
  return done / ((performance.now() - begun) / 1_000);
}

/** Largest difference of a number, and the smallest cosine, both of vectors of length 1. */
async function distances(client: ModelClient, texts: readonly string[], vectors: readonly (readonly number[])[]) {
  const found = await client.predict(texts);
  let [largest, cosine] = [0, 1];
  vectors.forEach((vector, index) => {
    const own = found[index] as Float32Array;
    largest = Math.max(largest, ...vector.map((value, i) => Math.abs(value - (own[i] ?? NaN))));
    cosine = Math.min(
      cosine,
      vector.reduce((sum, value, i) => sum + value * (own[i] ?? NaN), 0),
    );
  });
  return { largest, cosine };
}

/** all-MiniLM-L6-v2 served over gRPC beside sentence-transformers in a process, with as many threads, in turns: speed and vectors. */
export async function embeddings(): Promise<Row[]> {
  const models = await miniLm();
  const texts = sentences(512);
  const reference = () =>
    runTorch<{ sentencesPerSecond: number; vectors: number[][] }>(
      'embeddings.py',
      { model: models.reference, sentences: texts, compared, batchSize, seconds, threads },
      {},
    );
  const theirs: number[] = [];
  const ours = { float32: [] as number[], int8: [] as number[] };
  const rows: Row[] = [];
  for (let round = 0; round < rounds; round++) {
    const { sentencesPerSecond, vectors } = await reference();
    theirs.push(sentencesPerSecond);
    for (const variant of ['float32', 'int8'] as const) {
      await withServer(models[variant], async (client) => {
        ours[variant].push(await served(client, texts, batchSize));
        if (round > 0) return;
        const { largest, cosine } = await distances(client, texts.slice(0, compared), vectors);
        rows.push(
          variant === 'float32'
            ? {
                what: 'largest difference, float32',
                unit: 'of length 1',
                ours: largest,
                reference: 1e-5,
                referenceName: 'allowed',
              }
            : { what: 'smallest cosine, int8', unit: '', ours: cosine, reference: 0.999, referenceName: 'required' },
        );
      });
    }
  }
  const { median: reached, ...referenceRange } = measured(theirs);
  const speed = (variant: 'float32' | 'int8'): Row => {
    const { median, ...oursRange } = measured(ours[variant]);
    return {
      what: `${variant}, ${batchSize} sentences in a request, threads: ${threads}`,
      unit: 'sentences/s',
      ours: median,
      oursRange,
      reference: reached,
      referenceRange,
      referenceName: 'sentence-transformers in a process, float32',
    };
  };
  return [speed('float32'), speed('int8'), ...rows];
}
