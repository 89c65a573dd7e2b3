import { writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { ModelFault, RequestError } from '../errors.ts';
import { batchKey, mergeRequests, rowsOf, splitOutputs } from './batch.ts';
import { framesOf, reusedMemory, writeFrame } from './frames.ts';
import {
  parseFrontMessage,
  resultFrame,
  type Execution,
  type LoadMessage,
  type RunRequest,
  type RunResult,
} from './messages.ts';
import { DeviceLost, importOrt, OnnxSession, zeros } from './onnx-session.ts';
import { release } from './release.ts';
import { failureOf, type RunFailure } from './run-failure.ts';
import { findTask } from './tasks/index.ts';
import type { PreparedTask, Run, SeparateTask } from './tasks/task.ts';

/**
 * A model process: holds one model in ONNX Runtime and its task, and speaks frames on file descriptor 3. It blocks
 * while the model runs; its parent kills it when that takes too long.
 */

const modelSocket = 3;
/** The next run comes after the answer to this one, so its tensors may lie where those of this one lie. */
const onread = framesOf(receive, fail, reusedMemory());
const socket = new Socket({ fd: modelSocket, readable: true, writable: true, onread });
let loaded: { session: OnnxSession; task: PreparedTask; batchable: boolean } | undefined;

protectOthers();
// What every model needs, before there is one. Where it fails, so does the load, which says why.
importOrt().then(
  () => writeFrame(socket, { type: 'started' }, []),
  () => undefined,
);
socket.on('end', () => process.exit(0));
socket.on('error', () => process.exit(0));

function receive(frame: Parameters<typeof parseFrontMessage>[0]): void {
  const message = parseFrontMessage(frame);
  const done = message.type === 'load' ? load(message) : answer(message.id, message.requests);
  done.catch(fail);
}

function fail(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(1);
}

/** Memory runs out for this process first, and it never outlives the process that answers, not even inside a run. */
function protectOthers(): void {
  try {
    writeFileSync('/proc/self/oom_score_adj', '1000');
  } catch {
    process.stderr.write('the kernel offers no choice of which process to kill when memory runs out\n');
  }
  const parent = process.ppid;
  const watch = `setInterval(() => { if (process.ppid !== ${parent}) process.kill(process.pid, 'SIGKILL'); }, 1000);`;
  new Worker(watch, { eval: true, resourceLimits: { maxOldGenerationSizeMb: 8 } }).unref();
}

async function load(message: LoadMessage): Promise<void> {
  try {
    const task = findTask(message.task);
    if (!task)
      throw new ModelFault({
        reason: 'UnsupportedModel',
        message: `This version serves no ${message.task}.`,
        retrying: false,
      });
    const session = await OnnxSession.load(message);
    const prepared = await task.prepare(session.signature, message.directory);
    if (message.warmup) {
      writeFrame(socket, { type: 'phase', phase: 'WarmingUp' }, []);
      await warmUp(session);
    }
    const merges = () => ('answer' in prepared ? prepared.mergesRequests(runOn(session)) : session.mergesRows());
    const batchable = message.warmup && message.batching && (await merges());
    loaded = { session, task: prepared, batchable };
    writeFrame(socket, { type: 'loaded', signature: prepared.signature, batchable }, []);
  } catch (error) {
    if (!(error instanceof ModelFault)) throw error;
    writeFrame(socket, { type: 'fault', fault: error.fault }, []);
  }
}

/** Zeros need not suit every model: one that refuses them may still serve. */
async function warmUp(session: OnnxSession): Promise<void> {
  try {
    await session.run(zeros(session.signature));
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    process.stderr.write(`the warm-up on zeros failed: ${error.message}\n`);
  }
}

async function answer(id: number, requests: RunRequest[]): Promise<void> {
  const begin = performance.now();
  if (!loaded) throw new Error('a run came before the model was loaded');
  const { task, session, batchable } = loaded;
  const executions: Execution[] = [];
  let firstRunAt: number | undefined;
  const plain = runOn(session);
  const run: Run = async (request) => {
    const runAt = performance.now();
    firstRunAt ??= runAt;
    const result = await plain(request);
    if (result.ok) executions.push({ rows: batchable ? rowsOf(request) : 1, inferMs: performance.now() - runAt });
    return result;
  };
  const results =
    'answer' in task ? await task.answer(requests, run) : await answerApart(requests, { ...loaded, task, run });
  const end = performance.now();
  const times = { executions, inputMs: (firstRunAt ?? end) - begin, runMs: end - begin };
  const { header, buffers } = resultFrame(id, results, times);
  writeFrame(socket, header, buffers, () => buffers.forEach(release));
}

const runOn =
  (session: OnnxSession): Run =>
  async (request) => {
    try {
      return { ok: true, outputs: await session.run(request) };
    } catch (error) {
      // It ends this process, and the next one opens the device anew.
      if (error instanceof DeviceLost) throw error;
      return failureOf(error);
    }
  };

interface Model {
  task: SeparateTask;
  run: Run;
  batchable: boolean;
}
type Item = { request: RunRequest } | { failure: RunFailure };

async function answerApart(requests: RunRequest[], model: Model): Promise<RunResult[]> {
  const prepared = await Promise.all(requests.map((request) => before(request, model)));
  const results = new Array<RunResult>(requests.length);
  for (const group of grouped(prepared, model)) {
    const outputs = await runTogether(
      group.map(({ request }) => request),
      model,
    );
    group.forEach(({ index }, position) => {
      results[index] = after(outputs[position], requests[index], model);
    });
  }
  prepared.forEach((item, index) => {
    if ('failure' in item) results[index] = item.failure;
  });
  return results;
}

async function before(request: RunRequest, { task }: Model): Promise<Item> {
  try {
    return { request: await task.before(request) };
  } catch (error) {
    return { failure: failureOf(error) };
  }
}

function after(outputs: RunResult | undefined, request: RunRequest | undefined, { task }: Model): RunResult {
  if (!outputs || !request) return { ok: false, reason: 'Failed', message: 'the run gave no result' };
  if (!outputs.ok) return outputs;
  try {
    return { ok: true, outputs: task.after(outputs.outputs, request) };
  } catch (error) {
    return failureOf(error);
  }
}

/** Those that may run together, in groups. */
function grouped(items: readonly Item[], { batchable }: Model): { index: number; request: RunRequest }[][] {
  const groups = new Map<string, { index: number; request: RunRequest }[]>();
  items.forEach((item, index) => {
    if ('failure' in item) return;
    const key = (batchable ? batchKey(item.request) : undefined) ?? `alone ${index}`;
    const group = groups.get(key) ?? [];
    groups.set(key, group);
    group.push({ index, request: item.request });
  });
  return [...groups.values()];
}

/** One run for all; where it fails or its outputs do not fall apart into rows, one run for each. */
async function runTogether(requests: RunRequest[], { run }: Model): Promise<RunResult[]> {
  if (requests.length > 1) {
    const { merged, rows } = mergeRequests(requests);
    const together = await run(merged);
    const parts = together.ok ? splitOutputs(together.outputs, rows) : undefined;
    if (parts) return parts.map((outputs) => ({ ok: true, outputs }));
  }
  const results: RunResult[] = [];
  for (const request of requests) results.push(await run(request));
  return results;
}
