import { parentPort, workerData } from 'node:worker_threads';
import { TrainingFailure } from '../../errors.ts';
import { createKernels, sharedArithmetic } from '../kernels.ts';
import type { SharedMemory } from '../../numeric/webassembly.ts';
import type { ThreadAnswer, ThreadNotice, ThreadRequest } from './engine-messages.ts';
import { GraphRunner } from './graph-runner.ts';
import { SharedVectors } from './shared-vectors.ts';
import { VectorMath } from './vector-math.ts';

/** A thread of the engine. It blocks while a graph runs: ONNX Runtime aborts the process when it is terminated then. */

const port = parentPort;
if (port === null) throw new Error('this file is for threads of the engine');
/** Of the engine's kernels. */
const memory = workerData as SharedMemory;
const vectors = new SharedVectors(memory.buffer);
let loaded: { runner: GraphRunner; math: VectorMath } | undefined;

async function answer(request: ThreadRequest): Promise<ThreadAnswer> {
  if (request.type === 'load') {
    const { graph, optimizer, executionProvider } = request.program;
    const runner = await GraphRunner.load(graph, { executionProvider, kernels: await createKernels(), vectors });
    const scratch = vectors.get(request.scratch);
    loaded = { runner, math: new VectorMath(await sharedArithmetic(memory), optimizer, vectors, scratch) };
    return { type: 'done' };
  }
  if (loaded === undefined) throw new Error('a task came before the graph');
  const { runner, math } = loaded;
  switch (request.type) {
    case 'evaluate':
      return { type: 'sums', sums: await runner.evaluate(request.task) };
    case 'gradient':
      return { type: 'loss', loss: await runner.gradient(request.task, request.into) };
    case 'add':
      math.add(request.target, request.source);
      return { type: 'done' };
    case 'update':
      math.update(request.task);
      return { type: 'done' };
  }
}

port.on('message', (message: ThreadRequest | ThreadNotice) => {
  if (message.type === 'allocated') vectors.add(message.id, message.place);
  else if (message.type === 'forgotten') vectors.forget(message.id);
  else {
    answer(message).then(
      (reply) => port.postMessage(reply),
      (error: unknown) => {
        if (!(error instanceof TrainingFailure)) throw error;
        port.postMessage({ type: 'fault', fault: error.fault } satisfies ThreadAnswer);
      },
    );
  }
});
