/**
 * `node load.ts HOST MODEL IMAGE SIDES [PAUSE_MS]`: classifies one image again and again, over SIDES keep-alive HTTP connections and as
 * many long gRPC connections, each with a pause between two requests and with no retry of its own, until /tmp/stop exists. Prints what was
 * counted, as JSON.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { credentials, loadPackageDefinition, type ServiceClientConstructor } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { Pool } from 'undici';

interface Count {
  answers: Record<string, number>;
  failures: Record<string, number>;
  longestMs: number;
}

const [host = '', model = '', image = '', sides = '1', pauseMs = '0'] = process.argv.slice(2);
const body = readFileSync(image);
const proto = join(import.meta.dirname, '..', '..', '..', 'runtime', 'proto', 'open_inference.proto');
const loaded = loadPackageDefinition(loadSync(proto, { keepCase: true, longs: Number })) as unknown as {
  inference: { GRPCInferenceService: ServiceClientConstructor };
};

function httpCaller(): () => Promise<string> {
  const pool = new Pool(`http://${host}`, { connections: 1, pipelining: 1 });
  return async () => {
    const answer = await pool.request({
      path: `/v2/models/${model}/predict`,
      method: 'POST',
      headers: { 'content-type': 'image/png' },
      body,
    });
    const text = await answer.body.text();
    if (answer.statusCode !== 200) throw new Error(`${answer.statusCode} ${text}`);
    return (JSON.parse(text) as { predictions: { label: string }[] }).predictions[0]?.label ?? 'none';
  };
}

interface InferAnswer {
  outputs: { name: string; contents?: { bytes_contents?: Buffer[] } }[];
  raw_output_contents?: Buffer[];
}

/** BYTES in raw contents: each element's length in 4 bytes, little endian, then the element. */
function firstLabel(answer: InferAnswer): string {
  const index = answer.outputs.findIndex(({ name }) => name === 'label');
  const raw = answer.raw_output_contents?.[index];
  if (raw !== undefined) return raw.subarray(4, 4 + raw.readUInt32LE(0)).toString();
  return answer.outputs[index]?.contents?.bytes_contents?.[0]?.toString() ?? 'none';
}

function grpcCaller(): () => Promise<string> {
  // A channel of its own for each side, rather than the pool that grpc-js shares.
  const client = new loaded.inference.GRPCInferenceService(`${host}:9000`, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
  });
  const inputs = [{ name: 'image', datatype: 'BYTES', shape: [1], contents: { bytes_contents: [body] } }];
  return () =>
    new Promise((resolve, reject) => {
      const deadline = Date.now() + 30_000;
      const call = client.ModelInfer as unknown as (
        request: object,
        options: { deadline: number },
        done: (error: Error | null, answer: InferAnswer) => void,
      ) => void;
      call.call(client, { model_name: model, inputs }, { deadline }, (error, answer) =>
        error ? reject(error) : resolve(firstLabel(answer)),
      );
    });
}

async function side(call: () => Promise<string>, count: Count): Promise<void> {
  while (!existsSync('/tmp/stop')) {
    const startedMs = performance.now();
    try {
      const label = await call();
      count.answers[label] = (count.answers[label] ?? 0) + 1;
    } catch (error) {
      const failure =
        error instanceof Error
          ? `${(error as NodeJS.ErrnoException).code ?? error.name}: ${error.message}`
          : String(error);
      count.failures[failure] = (count.failures[failure] ?? 0) + 1;
    }
    count.longestMs = Math.max(count.longestMs, performance.now() - startedMs);
    progress();
    if (pauseMs !== '0') await delay(Number(pauseMs));
  }
}

const counts: Record<'http' | 'grpc', Count> = {
  http: { answers: {}, failures: {}, longestMs: 0 },
  grpc: { answers: {}, failures: {}, longestMs: 0 },
};
let done = 0;

/** How many requests were answered or failed so far, for whoever decides when enough is enough. */
function progress(): void {
  done += 1;
  if (done % 100 === 0) writeFileSync('/tmp/progress', String(done));
}

const startedMs = performance.now();
const each = Array.from({ length: Number(sides) });
await Promise.all(each.flatMap(() => [side(httpCaller(), counts.http), side(grpcCaller(), counts.grpc)]));
console.log(JSON.stringify({ ...counts, seconds: (performance.now() - startedMs) / 1000 }));
process.exit(0);
