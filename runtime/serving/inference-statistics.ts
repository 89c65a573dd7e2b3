import { computeMs, type RunTimes } from './messages.ts';

interface Total {
  count: number;
  ns: number;
}

const none = (): Total => ({ count: 0, ns: 0 });

const nanosecondsPerMs = 1e6;

function add(total: Total, milliseconds: number, count = 1): void {
  total.count += count;
  total.ns += Math.round(milliseconds * nanosecondsPerMs) * count;
}

/** What a model did since its server began, as the statistics extension of the Open Inference Protocol counts it. */
export class InferenceStatistics {
  #lastInferenceAt = 0;
  #inferences = 0;
  #executions = 0;
  readonly #requests = {
    success: none(),
    fail: none(),
    queue: none(),
    compute_input: none(),
    compute_infer: none(),
    compute_output: none(),
    cache_hit: none(),
    cache_miss: none(),
  };
  readonly #batches = new Map<number, { compute_input: Total; compute_infer: Total; compute_output: Total }>();

  /** @param at milliseconds since the epoch */
  succeeded(rows: number, at: number, durationMs: number): void {
    this.#lastInferenceAt = Math.floor(at);
    this.#inferences += rows;
    add(this.#requests.success, durationMs);
  }

  failed(at: number, durationMs: number): void {
    this.#lastInferenceAt = Math.floor(at);
    add(this.#requests.fail, durationMs);
  }

  queued(waitedMs: number): void {
    add(this.#requests.queue, waitedMs);
  }

  /** @param requests that went to the model process together */
  executed(requests: number, times: RunTimes): void {
    const { executions, inputMs, runMs } = times;
    const runs = executions.length;
    if (runs === 0) return;
    const inferMs = computeMs(times);
    const outputMs = Math.max(0, runMs - inputMs - inferMs);
    this.#executions += runs;
    add(this.#requests.compute_input, inputMs, requests);
    add(this.#requests.compute_infer, inferMs, requests);
    add(this.#requests.compute_output, outputMs, requests);
    for (const execution of executions) {
      const { rows } = execution;
      const batch = this.#batches.get(rows) ?? { compute_input: none(), compute_infer: none(), compute_output: none() };
      this.#batches.set(rows, batch);
      add(batch.compute_input, inputMs / runs);
      add(batch.compute_infer, execution.inferMs);
      add(batch.compute_output, outputMs / runs);
    }
  }

  /** Under the names of the protocol. */
  snapshot(): object {
    const batches = [...this.#batches].sort(([a], [b]) => a - b);
    return {
      last_inference: this.#lastInferenceAt,
      inference_count: this.#inferences,
      execution_count: this.#executions,
      inference_stats: structuredClone(this.#requests),
      response_stats: {},
      batch_stats: batches.map(([rows, totals]) => ({ batch_size: rows, ...structuredClone(totals) })),
      memory_usage: [],
    };
  }
}
