import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ModelClient } from '../client/model-client.ts';
import { adminPaths, ports, servingEnv } from '../runtime/contract.ts';
import { initializer, onnxModel } from '../test/support/onnx-builder.ts';
import { closedLoop } from './load.ts';
import type { Row } from './main.ts';

const host = '127.0.1.1';
const seconds = 8;
const name = 'bench';

/** y = x times a square matrix, `layers` times: FLOAT [n, width]. One layer of width 4 is tiny; 80 of 1024 take milliseconds. */
function chainModel(width: number, layers: number): Uint8Array {
  const value = (label: string) => ({ name: label, type: 'FLOAT' as const, shape: ['n', width] });
  const label = (index: number): string => (index === 0 ? 'x' : index === layers ? 'y' : `h${index}`);
  return onnxModel({
    nodes: Array.from({ length: layers }, (_, index) => ({
      op: 'MatMul',
      inputs: [label(index), 'w'],
      outputs: [label(index + 1)],
    })),
    initializers: [initializer.float('w', new Array<number>(width * width).fill(1 / width), [width, width])],
    inputs: [value('x')],
    outputs: [value('y')],
  });
}

/** Server and raw loop run on the first core, the load on whatever else there is. */
const onFirstCore = (script: string, ...args: string[]): string[] => ['-c', '0', process.execPath, script, ...args];

async function startServer(model: string): Promise<ChildProcess> {
  const server = spawn('taskset', onFirstCore('runtime/serve.ts'), {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...process.env,
      POD_IP: host,
      [servingEnv.modelName]: name,
      [servingEnv.modelUri]: `file://${model}`,
      [servingEnv.allowFileUris]: 'true',
      [servingEnv.cacheDir]: join(model, '..', 'cache'),
      [servingEnv.pinDir]: join(model, '..', 'pin'),
      [servingEnv.batchMaxSize]: '1',
      [servingEnv.drainDelayMs]: '0',
      [servingEnv.logLevel]: 'warn',
    },
  });
  for (;;) {
    const ready = await fetch(`http://${host}:${ports.admin}${adminPaths.ready}`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (ready) return server;
    if (server.exitCode !== null) throw new Error(`the server ended with code ${server.exitCode}`);
    await sleep(50);
  }
}

async function measure(what: string, width: number, layers: number, clients: number): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'modelyard-bench-'));
  const model = join(folder, 'model.onnx');
  writeFileSync(model, chainModel(width, layers));
  const raw = (): number =>
    Number(
      execFileSync('taskset', onFirstCore('bench/raw-loop.ts', model, `1x${width}`, String(seconds)), {
        encoding: 'utf8',
      }),
    );
  const before = raw();
  const server = await startServer(model);
  const rows: Row[] = [];
  try {
    for (const [protocol, client] of [
      ['REST', ModelClient.rest(`http://${host}:${ports.http}`, { model: name })],
      ['gRPC', ModelClient.grpc(`${host}:${ports.grpc}`, { model: name })],
    ] as const) {
      const x = { dataType: 'FP32' as const, shape: [1, width], data: new Float32Array(width) };
      const ours = await closedLoop(clients, seconds, () => client.predict({ x }).then(() => undefined));
      await client.close();
      rows.push({
        what: `${what}, ${protocol}, clients: ${clients}`,
        unit: 'requests/s',
        ours,
        reference: 0,
        referenceName: 'raw session.run',
      });
    }
  } finally {
    server.kill('SIGTERM');
    await once(server, 'exit');
  }
  const reference = (before + raw()) / 2;
  rmSync(folder, { recursive: true });
  return rows.map((row) => ({ ...row, reference }));
}

/** Requests per second over REST and gRPC beside the bare runs per second of the same model on the same core. */
export async function serving(): Promise<Row[]> {
  return [
    ...(await measure('a tiny model', 4, 1, 1)),
    ...(await measure('a tiny model', 4, 1, 8)),
    ...(await measure('a model of some milliseconds', 1024, 80, 8)),
  ];
}
