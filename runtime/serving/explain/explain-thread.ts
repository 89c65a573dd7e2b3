import { parentPort } from 'node:worker_threads';
import { RequestError } from '../../errors.ts';
import { explain } from '../../explain/explain.ts';
import type { Predict } from '../../explain/model.ts';
import type { ExplainRequest, Explanation } from '../../explain/request.ts';
import { errorOf, thrownOf, type ExplainCommand, type ExplainNotice } from './thread-messages.ts';

/** The thread that does the arithmetic of explanations. The model is run by whoever started it. */

const port = parentPort;
if (!port) throw new Error('this is the program of a thread');
const going = new Map<number, AbortController>();
/** Runs of the model that are not answered, by number, and the explanations that wait for them. */
const calls = new Map<number, PromiseWithResolvers<Float32Array | Float64Array> & { id: number }>();
let lastCall = 0;

/** @param memory that moves there: it is no longer here */
const say = (notice: ExplainNotice, memory: ArrayBuffer[] = []): void => port.postMessage(notice, memory);

port.on('message', (command: ExplainCommand) => {
  switch (command.type) {
    case 'explain':
      void work(command.id, command.request);
      return;
    case 'abort':
      abort(command.id);
      return;
    case 'predicted':
      calls.get(command.call)?.resolve(command.values);
      return;
    case 'unpredicted':
      calls.get(command.call)?.reject(errorOf(command.error));
  }
});

/** Whoever began an explanation need not answer its runs of the model after this. */
function abort(id: number): void {
  going.get(id)?.abort();
  for (const call of calls.values())
    if (call.id === id) call.reject(new RequestError('Cancelled', 'nobody waits for this explanation any more'));
}

async function work(id: number, request: ExplainRequest): Promise<void> {
  const over = new AbortController();
  going.set(id, over);
  const predict = async (
    batch: Float32Array | readonly string[],
    count: number,
  ): Promise<Float32Array | Float64Array> => {
    const call = ++lastCall;
    const answer = Promise.withResolvers<Float32Array | Float64Array>();
    calls.set(call, { ...answer, id });
    if (batch instanceof Float32Array) {
      // The memory that a batch is a part of would go along, and is used again.
      const own = batch.slice();
      say({ type: 'predict', id, call, batch: own, count }, [own.buffer]);
    } else say({ type: 'predict', id, call, batch, count });
    try {
      return await answer.promise;
    } finally {
      calls.delete(call);
    }
  };
  try {
    say({ type: 'explained', id, explanation: await explained(request, predict, over.signal) });
  } catch (error) {
    say({ type: 'failed', id, error: thrownOf(error) });
  } finally {
    going.delete(id);
  }
}

function explained(
  request: ExplainRequest,
  predict: (batch: Float32Array | readonly string[], count: number) => Promise<Float32Array | Float64Array>,
  signal: AbortSignal,
): Promise<Explanation> {
  if (request.kind === 'text') return explain(request, predict satisfies Predict<readonly string[]>, { signal });
  return explain(request, predict satisfies Predict<Float32Array>, { signal });
}
