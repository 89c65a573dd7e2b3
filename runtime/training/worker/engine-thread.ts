import { parentPort } from 'node:worker_threads';
import { TrainingFailure } from '../../errors.ts';
import type { ThreadAnswer, ThreadRequest } from './engine-messages.ts';
import { GraphRunner } from './graph-runner.ts';

/** A thread of the engine. It blocks while a graph runs: ONNX Runtime aborts the process when it is terminated then. */

const port = parentPort;
if (port === null) throw new Error('this file is for threads of the engine');
let runner: GraphRunner | undefined;

async function answer(request: ThreadRequest): Promise<ThreadAnswer> {
  if (request.type === 'load') {
    runner = await GraphRunner.load(request.graph, request.executionProvider);
    return { type: 'loaded' };
  }
  if (runner === undefined) throw new Error('a task came before the graph');
  if (request.type === 'evaluate') return { type: 'sums', sums: await runner.evaluate(request.task) };
  if (request.type === 'gradient') {
    return { type: 'contribution', contribution: await runner.gradient(request.task, request.into) };
  }
  return { type: 'contribution', contribution: runner.add(request.left, request.right), spare: request.right.values };
}

/** Memory that leaves with an answer instead of being copied. */
function leaving(reply: ThreadAnswer): ArrayBuffer[] {
  if (reply.type !== 'contribution') return [];
  return [reply.contribution.values.buffer, ...(reply.spare ? [reply.spare.buffer] : [])];
}

port.on('message', (request: ThreadRequest) => {
  answer(request).then(
    (reply) => port.postMessage(reply, leaving(reply)),
    (error: unknown) => {
      if (!(error instanceof TrainingFailure)) throw error;
      port.postMessage({ type: 'fault', fault: error.fault } satisfies ThreadAnswer);
    },
  );
});
