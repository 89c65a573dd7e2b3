import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ports, servingEnv } from '../../runtime/contract.ts';
import type { Payload } from './payloads.ts';
import type { StartServer } from './peers.ts';
import { oipBinary, oipGrpc, oipJson } from './requests.ts';
import type { Measurement } from './turns.ts';
import { freePorts, onServerCore, startServer } from './server.ts';

const repository = join(import.meta.dirname, '..', '..');
const name = 'bench';
export const oursName = 'Modelyard';
export const echoName = 'bare echo';
const execute = promisify(execFile);

/** Its ports are fixed, so each of our servers has an address of its own. */
let started = 0;

export const modelyard: StartServer = ({ payload, model, folder, batch }) => {
  started += 1;
  const host = `127.77.0.${started}`;
  const program = {
    command: process.execPath,
    args: [join(repository, 'runtime', 'serve.ts')],
    environment: {
      POD_IP: host,
      [servingEnv.modelName]: name,
      [servingEnv.modelUri]: `file://${model}`,
      [servingEnv.allowFileUris]: 'true',
      [servingEnv.cacheDir]: join(folder, 'cache'),
      [servingEnv.pinDir]: join(folder, 'pin'),
      [servingEnv.batchMaxSize]: String(batch),
      [servingEnv.drainDelayMs]: '0',
      [servingEnv.logLevel]: 'warn',
    },
    folder,
  };
  return startServer(oursName, program, payload, [
    oipJson(payload, `http://${host}:${ports.http}`, name),
    oipBinary(payload, `http://${host}:${ports.http}`, name),
    oipGrpc(payload, `http://${host}:${ports.grpc}`, name),
  ]);
};

/** What our stacks take without a model: the answer is the request. */
export const echo: StartServer = async ({ payload, folder }) => {
  const [http = 0, grpc = 0] = await freePorts(2);
  const program = {
    command: process.execPath,
    args: [join(import.meta.dirname, 'echo.ts'), String(http), String(grpc)],
    folder,
  };
  const requests = [
    oipJson(payload, `http://127.0.0.1:${http}`, name),
    oipBinary(payload, `http://127.0.0.1:${http}`, name),
    oipGrpc(payload, `http://127.0.0.1:${grpc}`, name),
  ];
  const unread = requests.map((request) => ({ ...request, read: () => payload.answer }));
  return startServer(echoName, program, payload, unread);
};

/** Runs of `rows` requests each in a loop without a server, counted as requests. */
export async function rawLoop(
  { shape: one }: Payload,
  model: string,
  rows: number,
  seconds: number,
): Promise<Measurement> {
  const shape = [rows, ...one.slice(1)].join('x');
  const script = join(import.meta.dirname, 'raw-loop.ts');
  const args = [...onServerCore, process.execPath, script, model, shape, String(seconds)];
  const run = JSON.parse((await execute('taskset', args)).stdout) as Measurement;
  return { ...run, requestsPerSecond: run.requestsPerSecond * rows, cpuUs: run.cpuUs / rows };
}
