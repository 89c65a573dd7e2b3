import { writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { ModelFault, RequestError } from '../errors.ts';
import { runtimeErrorText } from '../onnx/runtime-error-text.ts';
import { batchKey, mergeRequests, rowsOf, splitOutputs } from './batch.ts';
import { readFrames, writeFrame } from './frames.ts';
import {
  parseFrontMessage,
  resultFrame,
  type Execution,
  type LoadMessage,
  type RunRequest,
  type RunResult,
} from './messages.ts';
import { OnnxSession, zeros } from './onnx-session.ts';
import { findTask } from './tasks/index.ts';
import type { PreparedTask } from './tasks/task.ts';

/**
 * A model process: holds one model in ONNX Runtime and its task, and speaks frames on file descriptor 3. It blocks
 * while the model runs; its parent kills it when that takes too long.
 */

const modelSocket = 3;
const socket = new Socket({ fd: modelSocket, readable: true, writable: true });
let loaded: { session: OnnxSession; task: PreparedTask; batchable: boolean } | undefined;

protectOthers();
socket.on('end', () => process.exit(0));
socket.on('error', () => process.exit(0));
readFrames(socket, receive, (error) => {
  throw error;
});

function receive(frame: Parameters<typeof parseFrontMessage>[0]): void {
  const message = parseFrontMessage(frame);
  const done = message.type === 'load' ? load(message) : answer(message.id, message.requests);
  done.catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exit(1);
  });
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
    const batchable = message.warmup && message.batching && (await session.mergesRows());
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
  const prepared = await Promise.all(requests.map(before));
  const beforeMs = performance.now() - begin;
  const results = new Array<RunResult>(requests.length);
  const executions: Execution[] = [];
  for (const group of grouped(prepared)) {
    const { outputs, runs } = await runTogether(group.map(({ request }) => request));
    const ranAt = performance.now();
    group.forEach(({ index }, position) => {
      results[index] = after(outputs[position], requests[index]);
    });
    const afterMs = (performance.now() - ranAt) / Math.max(1, runs.length);
    for (const run of runs)
      executions.push({ ...run, inputMs: beforeMs + run.inputMs, outputMs: run.outputMs + afterMs });
  }
  prepared.forEach((item, index) => {
    if ('failure' in item) results[index] = item.failure;
  });
  const { header, buffers } = resultFrame(id, results, executions, performance.now() - begin);
  writeFrame(socket, header, buffers);
}

type Failure = Extract<RunResult, { ok: false }>;
type Item = { request: RunRequest } | { failure: Failure };

function theLoaded(): NonNullable<typeof loaded> {
  if (!loaded) throw new Error('a run came before the model was loaded');
  return loaded;
}

async function before(request: RunRequest): Promise<Item> {
  try {
    return { request: await theLoaded().task.before(request) };
  } catch (error) {
    return { failure: failure(error) };
  }
}

function after(outputs: RunResult | undefined, request: RunRequest | undefined): RunResult {
  if (!outputs || !request) return { ok: false, reason: 'Failed', message: 'the run gave no result' };
  if (!outputs.ok) return outputs;
  try {
    return { ok: true, outputs: theLoaded().task.after(outputs.outputs, request) };
  } catch (error) {
    return failure(error);
  }
}

function failure(error: unknown): Failure {
  if (error instanceof RequestError) {
    return { ok: false, reason: error.code === 'InvalidArgument' ? 'Refused' : 'Failed', message: error.message };
  }
  return { ok: false, reason: 'Failed', message: runtimeErrorText(error) };
}

/** Those that may run together, in groups. */
function grouped(items: readonly Item[]): { index: number; request: RunRequest }[][] {
  const groups = new Map<string, { index: number; request: RunRequest }[]>();
  items.forEach((item, index) => {
    if ('failure' in item) return;
    const key = (theLoaded().batchable ? batchKey(item.request) : undefined) ?? `alone ${index}`;
    const group = groups.get(key) ?? [];
    groups.set(key, group);
    group.push({ index, request: item.request });
  });
  return [...groups.values()];
}

interface Ran {
  outputs: RunResult[];
  /** The runs that gave them; one that failed is none. */
  runs: Execution[];
}

/** One run for all; where it fails or its outputs do not fall apart into rows, one run for each. */
async function runTogether(requests: RunRequest[]): Promise<Ran> {
  if (requests.length > 1) {
    const begin = performance.now();
    const { merged, rows } = mergeRequests(requests);
    const mergedAt = performance.now();
    const together = await runAlone(merged);
    const ranAt = performance.now();
    const parts = together.ok ? splitOutputs(together.outputs, rows) : undefined;
    if (parts) {
      const run = {
        requests: requests.length,
        rows: rows.reduce((sum, count) => sum + count, 0),
        inputMs: mergedAt - begin,
        inferMs: ranAt - mergedAt,
        outputMs: performance.now() - ranAt,
      };
      return { outputs: parts.map((outputs) => ({ ok: true, outputs })), runs: [run] };
    }
  }
  const ran: Ran = { outputs: [], runs: [] };
  for (const request of requests) {
    const begin = performance.now();
    const result = await runAlone(request);
    ran.outputs.push(result);
    if (!result.ok) continue;
    const rows = theLoaded().batchable ? rowsOf(request) : 1;
    ran.runs.push({ requests: 1, rows, inputMs: 0, inferMs: performance.now() - begin, outputMs: 0 });
  }
  return ran;
}

async function runAlone(request: RunRequest): Promise<RunResult> {
  try {
    return { ok: true, outputs: await theLoaded().session.run(request) };
  } catch (error) {
    return failure(error);
  }
}
