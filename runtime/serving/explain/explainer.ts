import { Worker } from 'node:worker_threads';
import { RequestError } from '../../errors.ts';
import type { Predict } from '../../explain/model.ts';
import type { ExplainRequest, Explanation, TextRequest } from '../../explain/request.ts';
import { errorOf, thrownOf, type ExplainCommand, type ExplainNotice } from './thread-messages.ts';

type AnyPredict = (
  batch: Float32Array | readonly string[],
  count: number,
  signal: AbortSignal,
) => Promise<Float32Array | Float64Array>;

interface Going {
  worker: Worker;
  predict: AnyPredict;
  /** Aborted where nobody waits for its runs of the model any more. */
  over: AbortController;
  outcome: PromiseWithResolvers<Explanation>;
}

const thread = new URL('./explain-thread.ts', import.meta.url);

/**
 * Does the arithmetic of explanations on a thread of its own, so that the one which answers requests stays free. The thread is
 * started with the first explanation, and again after it died.
 */
export class Explainer {
  readonly #going = new Map<number, Going>();
  readonly #program: URL;
  #worker: Worker | undefined;
  #lastId = 0;

  /** @param program of the thread */
  constructor(program: URL = thread) {
    this.#program = program;
  }

  /** As `explain`, of runtime/explain. Rejects also where the thread dies. */
  explain(request: TextRequest, predict: Predict<readonly string[]>, signal: AbortSignal): Promise<Explanation>;
  explain(
    request: Exclude<ExplainRequest, TextRequest>,
    predict: Predict<Float32Array>,
    signal: AbortSignal,
  ): Promise<Explanation>;
  async explain(
    request: ExplainRequest,
    predict: Predict<readonly string[]> | Predict<Float32Array>,
    signal: AbortSignal,
  ): Promise<Explanation> {
    signal.throwIfAborted();
    const id = ++this.#lastId;
    const worker = (this.#worker ??= this.#start());
    const outcome = Promise.withResolvers<Explanation>();
    const going = { worker, predict: predict as AnyPredict, over: new AbortController(), outcome };
    this.#going.set(id, going);
    const abort = (): void => {
      say(worker, { type: 'abort', id });
      end(going, signal.reason as Error);
    };
    signal.addEventListener('abort', abort, { once: true });
    try {
      const { own, memory } = movable(request);
      say(worker, { type: 'explain', id, request: own }, memory);
      return await outcome.promise;
    } finally {
      signal.removeEventListener('abort', abort);
      this.#going.delete(id);
    }
  }

  #start(): Worker {
    const worker = new Worker(this.#program);
    worker.on('message', (notice: ExplainNotice) => void this.#receive(worker, notice));
    worker.once('error', (error) => this.#lose(worker, error));
    worker.once('exit', (code) => this.#lose(worker, new Error(`it ended with code ${code}`)));
    // Requests keep the process alive, not the thread.
    worker.unref();
    return worker;
  }

  #lose(worker: Worker, cause: unknown): void {
    if (this.#worker === worker) this.#worker = undefined;
    for (const going of this.#going.values()) if (going.worker === worker) end(going, deathOf(cause));
  }

  async #receive(worker: Worker, notice: ExplainNotice): Promise<void> {
    const going = this.#going.get(notice.id);
    switch (notice.type) {
      case 'explained':
        going?.outcome.resolve(notice.explanation);
        return;
      case 'failed':
        going?.outcome.reject(errorOf(notice.error));
        return;
      case 'predict': {
        const { call, batch, count } = notice;
        try {
          if (!going) throw new RequestError('Cancelled', 'nobody waits for this explanation any more');
          // What a model gives may be a part of what it gave several requests.
          const values = (await going.predict(batch, count, going.over.signal)).slice();
          say(worker, { type: 'predicted', call, values }, [values.buffer]);
        } catch (error) {
          say(worker, { type: 'unpredicted', call, error: thrownOf(error) });
        }
      }
    }
  }
}

/** @param memory that moves there: it is no longer here */
function say(worker: Worker, command: ExplainCommand, memory: ArrayBuffer[] = []): void {
  worker.postMessage(command, memory);
}

function end({ over, outcome }: Going, reason: Error): void {
  over.abort(reason);
  outcome.reject(reason);
}

function deathOf(cause: unknown): Error {
  if ((cause as { code?: unknown }).code === 'ERR_WORKER_OUT_OF_MEMORY')
    return new RequestError(
      'ModelFailed',
      'the explanation takes more memory than there is; ask for fewer samples or instances at a time',
    );
  return new Error('the thread of explanations died', { cause });
}

/** The request with numbers of its own: those of a client are parts of its whole body, which would go along. */
function movable(request: ExplainRequest): { own: ExplainRequest; memory: ArrayBuffer[] } {
  const memory: ArrayBuffer[] = [];
  const copy = (value: unknown): unknown => {
    if (!(value instanceof Float32Array || value instanceof Int32Array)) return value;
    const own = value.slice();
    memory.push(own.buffer);
    return own;
  };
  const own = Object.fromEntries(Object.entries(request).map(([name, value]) => [name, copy(value)]));
  return { own: own as unknown as ExplainRequest, memory };
}
