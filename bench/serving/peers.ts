import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packagesOf, pythonEnvironment, pythonOf } from '../python-environment.ts';
import { torchEnvironment } from '../torch.ts';
import type { Payload } from './payloads.ts';
import { oipBinary, oipGrpc, oipJson, plainBytes, plainJson } from './requests.ts';
import { freePorts, startServer, type Server } from './server.ts';

/** A model to serve from a folder of the server's own, `batch` requests in one run at most. */
interface Case {
  payload: Payload;
  /** Absolute path of the payload's model. */
  model: string;
  folder: string;
  batch: number;
}

export type StartServer = (serverCase: Case) => Promise<Server>;

const scripts = join(import.meta.dirname, '..', 'peers', 'serving');
const name = 'bench';
const host = '127.0.0.1';

/** How long a batch waits for others, where there are batches. */
const batchDelayMs = 5;

interface Peer {
  /** With its version, as its requirements pin it. */
  called: string;
  python: string;
}

function peer(called: string, name: string): Peer {
  const requirements = join(scripts, `${name}.txt`);
  const version = /==(.+)/.exec(readFileSync(requirements, 'utf8'))?.[1] ?? '';
  return { called: `${called} ${version}`, python: pythonOf(pythonEnvironment(name, requirements, 'some hundred MB')) };
}

export const kserve: StartServer = async ({ payload, model, folder }) => {
  const { called, python: command } = peer('KServe', 'kserve');
  const [http = 0, grpc = 0] = await freePorts(2);
  const args = [join(scripts, 'kserve_server.py'), name, model, String(http), String(grpc)];
  const url = `http://${host}:${http}`;
  return startServer(called, { command, args, environment: { KSERVE_LOGLEVEL: 'WARNING' }, folder }, payload, [
    oipJson(payload, url, name),
    oipBinary(payload, url, name),
    oipGrpc(payload, `http://${host}:${grpc}`, name),
  ]);
};

export const mlserver: StartServer = async ({ payload, model, folder, batch }) => {
  const { called, python: command } = peer('MLServer', 'mlserver');
  const [http = 0, grpc = 0] = await freePorts(2);
  const settings = {
    debug: false,
    host,
    http_port: http,
    grpc_port: grpc,
    // In the process that answers: on one core a second one is only a hop.
    parallel_workers: 0,
    metrics_endpoint: null,
  };
  const modelSettings = {
    name,
    implementation: 'mlserver_model.OnnxModel',
    parameters: { uri: model },
    ...(batch > 1 && { max_batch_size: batch, max_batch_time: batchDelayMs / 1_000 }),
  };
  writeFileSync(join(folder, 'settings.json'), JSON.stringify(settings));
  writeFileSync(join(folder, 'model-settings.json'), JSON.stringify(modelSettings));
  const url = `http://${host}:${http}`;
  const program = {
    command,
    args: ['-m', 'mlserver.cli.main', 'start', folder],
    environment: { PYTHONPATH: scripts },
    folder,
  };
  return startServer(called, program, payload, [
    oipJson(payload, url, name),
    oipGrpc(payload, `http://${host}:${grpc}`, name),
  ]);
};

export const litserve: StartServer = async ({ payload, model, folder, batch }) => {
  const { called, python: command } = peer('LitServe', 'litserve');
  const [http = 0] = await freePorts(1);
  const args = [join(scripts, 'litserve_server.py'), model, String(http), String(batch), String(batchDelayMs)];
  return startServer(called, { command, args, folder }, payload, [
    plainJson(payload, `http://${host}:${http}/predict`),
  ]);
};

/** TorchServe imports PyTorch for its tensors alone: it borrows the package of the training benchmark's environment. */
export const torchserve: StartServer = async ({ payload, model, folder, batch }) => {
  const { called, python: command } = peer('TorchServe', 'torchserve');
  const ports = await freePorts(5);
  const archive = join(folder, 'store', name);
  mkdirSync(join(archive, 'MAR-INF'), { recursive: true });
  copyFileSync(model, join(archive, 'model.onnx'));
  for (const file of ['torchserve_handler.py', 'onnx_session.py'])
    copyFileSync(join(scripts, file), join(archive, file));
  const description = { modelName: name, serializedFile: 'model.onnx', handler: 'torchserve_handler.py' };
  writeFileSync(
    join(archive, 'MAR-INF', 'MANIFEST.json'),
    JSON.stringify({ runtime: 'python', model: { ...description, modelVersion: '1.0' }, archiverVersion: '0.12.0' }),
  );
  const workers = { minWorkers: 1, maxWorkers: 1, batchSize: batch, maxBatchDelay: batchDelayMs, responseTimeout: 120 };
  const [inference, management, metrics, grpc, grpcManagement] = ports;
  const configuration = {
    inference_address: `http://${host}:${inference}`,
    management_address: `http://${host}:${management}`,
    metrics_address: `http://${host}:${metrics}`,
    grpc_inference_port: grpc,
    grpc_management_port: grpcManagement,
    disable_token_authorization: true,
    disable_system_metrics: true,
    number_of_netty_threads: 1,
    netty_client_threads: 1,
    load_models: name,
    models: JSON.stringify({ [name]: { '1.0': { defaultVersion: true, marName: name, ...workers } } }),
  };
  const file = join(folder, 'config.properties');
  const lines = Object.entries(configuration).map(([key, value]) => `${key}=${String(value)}\n`);
  writeFileSync(file, lines.join(''));
  const program = {
    command,
    args: [
      '-m',
      'ts.model_server',
      '--start',
      '--foreground',
      '--no-config-snapshots',
      '--model-store',
      join(folder, 'store'),
      '--ts-config',
      file,
      '--log-config',
      join(scripts, 'torchserve_log4j2.xml'),
    ],
    environment: {
      PYTHONPATH: packagesOf(torchEnvironment()),
      TMPDIR: folder,
      BENCH_SHAPE: payload.shape.join(),
    },
    folder,
  };
  const url = `http://${host}:${inference}/predictions/${name}`;
  return startServer(called, program, payload, [plainJson(payload, url), plainBytes(payload, url)]);
};
