import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { adminPaths, modelsFile, servingEnv, type ModelList } from '../runtime/contract.ts';
import { processBytes } from '../runtime/serving/process-memory.ts';
import { initializer, onnxModel } from '../test/support/onnx-builder.ts';
import type { Row } from './main.ts';
import { withOwnServer, type OwnServer } from './own-server.ts';
import { quantile } from './statistics.ts';

const host = '127.0.1.3';
const modelCount = 100;
const residentCount = 20;
const width = 512;
const phaseSeconds = 15;
/** Between two requests for models that are not in memory. */
const reloadPauseMs = 500;

/** FLOAT [n, 512] times a matrix of its own: a megabyte of weights, its sum tells which model it is. */
function smallModel(index: number): Uint8Array {
  const value = (name: string) => ({ name, type: 'FLOAT' as const, shape: ['n', width] });
  return onnxModel({
    nodes: [{ op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] }],
    initializers: [initializer.float('w', new Array<number>(width * width).fill(index / width), [width, width])],
    inputs: [value('x')],
    outputs: [value('y')],
  });
}

const nameOf = (index: number): string => `model-${index}`;

interface Server {
  /** Milliseconds of one request to the model of that number. */
  ask(index: number): Promise<number>;
  post(path: string): Promise<void>;
  metric(name: string): Promise<number>;
  /** Bytes of the answering process and of all model processes. */
  memory(): Promise<number>;
}

async function withServer<T>(folder: string, budgetBytes: number, work: (server: Server) => Promise<T>): Promise<T> {
  const settings = {
    [servingEnv.modelsFile]: join(folder, modelsFile),
    [servingEnv.memoryBudget]: String(budgetBytes),
    [servingEnv.modelControl]: 'Explicit',
    [servingEnv.cacheDir]: join(folder, 'cache'),
    [servingEnv.logLevel]: 'error',
  };
  return withOwnServer(host, settings, (server) => work(asking(server)));
}

function asking({ pid, url, admin }: OwnServer): Server {
  const post = async (path: string, body = ''): Promise<void> => {
    const answer = await fetch(`${url}${path}`, { method: 'POST', body });
    const text = await answer.text();
    if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${text}`);
  };
  const x = { name: 'x', shape: [1, width], datatype: 'FP32', data: new Array<number>(width).fill(1) };
  const request = JSON.stringify({ inputs: [x] });
  return {
    post,
    ask: async (index) => {
      const begin = performance.now();
      await post(`/v2/models/${nameOf(index)}/infer`, request);
      return performance.now() - begin;
    },
    metric: async (name) => {
      const text = await (await fetch(`${admin}${adminPaths.metrics}`)).text();
      return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
    },
    memory: async () => {
      const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
      const all = await Promise.all([pid, ...children.trim().split(' ').map(Number)].map(processBytes));
      return all.reduce<number>((sum, bytes) => sum + (bytes ?? 0), 0);
    },
  };
}

/** Asks one model in a loop for a while, or until `others` are done. Milliseconds of each request. */
async function warmRequests(server: Server, others: Promise<unknown>): Promise<number[]> {
  const durations: number[] = [];
  const over = new AbortController();
  const isOver = (): boolean => over.signal.aborted;
  const end = (): void => over.abort();
  // Whoever began them hears what they are rejected with.
  void others.then(end, end);
  while (!isOver()) {
    durations.push(await server.ask(1));
    await sleep(2);
  }
  return durations;
}

/** Asks models that are not in memory, one after the other. */
async function reloads(server: Server, from: number): Promise<number[]> {
  const durations: number[] = [];
  for (let index = 0; index < (phaseSeconds * 1_000) / reloadPauseMs; index++) {
    durations.push(await server.ask(2 + ((from + index) % (modelCount - 1))));
    await sleep(reloadPauseMs);
  }
  return durations;
}

/**
 * A hundred models of a megabyte in one pod with memory for twenty: what a warm one's requests take while others come and go, what it
 * takes to bring one back, and what memory is left when all are gone.
 */
export async function models(): Promise<Row[]> {
  const folder = await mkdtemp(join(tmpdir(), 'modelyard-bench-'));
  try {
    const list: ModelList = { models: [] };
    for (let index = 1; index <= modelCount; index++) {
      const name = nameOf(index);
      await mkdir(join(folder, name));
      await writeFile(join(folder, name, 'model.onnx'), smallModel(index));
      list.models.push({ name, uri: pathToFileURL(join(folder, name)).href, task: 'Tensor' });
    }
    await writeFile(join(folder, modelsFile), JSON.stringify(list));
    const budgetBytes = await withServer(folder, 2 ** 40, async (server) => {
      for (let index = 1; index <= residentCount; index++) await server.ask(index);
      return server.metric('modelyard_models_memory_bytes');
    });
    return await withServer(folder, Math.round(budgetBytes), (server) => measure(server, budgetBytes));
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function measure(server: Server, budgetBytes: number): Promise<Row[]> {
  await server.ask(1);
  await server.post(`/v2/repository/models/${nameOf(1)}/unload`);
  await sleep(2_000);
  const baseline = await server.memory();
  await server.post(`/v2/repository/models/${nameOf(1)}/load`);

  const alone = await warmRequests(server, sleep(phaseSeconds * 1_000));
  // Every model is loaded once, so that what follows brings models back.
  for (let index = 2; index <= modelCount; index++) await server.ask(index);
  const used: number[] = [];
  const look = async (): Promise<void> => {
    used.push(await server.metric('modelyard_models_memory_bytes'));
  };
  const watching = setInterval(() => void look().catch(() => undefined), 200);
  const coming = reloads(server, 0);
  const [beside, back] = await Promise.all([warmRequests(server, coming), coming]).finally(() =>
    clearInterval(watching),
  );

  for (let index = 1; index <= modelCount; index++) await server.post(`/v2/repository/models/${nameOf(index)}/unload`);
  await sleep(2_000);
  const after = await server.memory();
  const mib = 1024 ** 2;
  const row = (what: string, unit: string, ours: number, reference: number, referenceName: string): Row => ({
    what,
    unit,
    ours,
    reference,
    referenceName,
  });
  return [
    row('a warm model, p50 while others come and go', 'ms', quantile(beside, 0.5), quantile(alone, 0.5), 'alone'),
    row('a warm model, p99 while others come and go', 'ms', quantile(beside, 0.99), quantile(alone, 0.99), 'alone'),
    row('a model that comes back, p50', 'ms', quantile(back, 0.5), 100, 'allowed'),
    row('a model that comes back, p99', 'ms', quantile(back, 0.99), 100, 'allowed'),
    row('memory of all models, highest', 'MiB', Math.max(...used) / mib, budgetBytes / mib, 'the budget'),
    row('memory when all are gone', 'MiB', after / mib, baseline / mib, 'before'),
  ];
}
