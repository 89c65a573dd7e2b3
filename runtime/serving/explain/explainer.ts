import { Worker } from 'node:worker_threads';
import type { Predict } from '../../explain/model.ts';
import type { ExplainRequest, Explanation, TextRequest } from '../../explain/request.ts';
import { errorOf, thrownOf, type ExplainCommand, type ExplainNotice } from './thread-messages.ts';

type AnyPredict = (
  batch: Float32Array | readonly string[],
  count: number,
  signal: AbortSignal,
) => Promise<Float32Array | Float64Array>;

interface Going {
  predict: AnyPredict;
  signal: AbortSignal;
  outcome: PromiseWithResolvers<Explanation>;
}

/**
 * Does the arithmetic of explanations on a thread of its own, so that the one which answers requests stays free. The thread is
 * started with the first explanation, and again after it died.
 */
export class Explainer {
  readonly #going = new Map<number, Going>();
  #worker: Worker | undefined;
  #lastId = 0;

  /** As `explain`, of runtime/explain. */
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
    const outcome = Promise.withResolvers<Explanation>();
    this.#going.set(id, { predict: predict as AnyPredict, signal, outcome });
    const abort = (): void => {
      this.#say({ type: 'abort', id });
      outcome.reject(signal.reason as Error);
    };
    signal.addEventListener('abort', abort, { once: true });
    try {
      this.#worker ??= this.#start();
      this.#say({ type: 'explain', id, request });
      return await outcome.promise;
    } finally {
      signal.removeEventListener('abort', abort);
      this.#going.delete(id);
    }
  }

  #say(command: ExplainCommand): void {
    this.#worker?.postMessage(command);
  }

  #start(): Worker {
    const worker = new Worker(new URL('./explain-thread.ts', import.meta.url));
    worker.on('message', (notice: ExplainNotice) => void this.#receive(notice));
    worker.on('error', (error) => {
      if (this.#worker === worker) this.#worker = undefined;
      for (const { outcome } of this.#going.values()) outcome.reject(error);
    });
    // Requests keep the process alive, not the thread.
    worker.unref();
    return worker;
  }

  async #receive(notice: ExplainNotice): Promise<void> {
    const going = this.#going.get(notice.id);
    if (!going) return;
    switch (notice.type) {
      case 'explained':
        going.outcome.resolve(notice.explanation);
        return;
      case 'failed':
        going.outcome.reject(errorOf(notice.error));
        return;
      case 'predict': {
        const { call, batch, count } = notice;
        try {
          this.#say({ type: 'predicted', call, values: await going.predict(batch, count, going.signal) });
        } catch (error) {
          this.#say({ type: 'unpredicted', call, error: thrownOf(error) });
        }
      }
    }
  }
}
