import type { Log } from '../../lib/log.ts';
import { RequestError, type RequestErrorCode } from '../errors.ts';
import type { Timeline } from './scheduler.ts';
import type { ServedModel } from './served-model.ts';
import { modelLabels, noModelLabels, type ServingMetrics } from './serving-metrics.ts';

/** With what requests of inference are observed. */
export interface Observers {
  metrics: ServingMetrics;
  /** Milliseconds since the epoch, of a clock that never goes back. */
  now: () => number;
}

/** What became of a request. `Bug`: an error that nobody expected. */
export type Outcome = 'ok' | 'Bug' | RequestErrorCode;

/** A request of inference as its front received it. */
export interface Arrival {
  protocol: 'rest' | 'grpc';
  /** Throws RequestError where nobody serves it. */
  find: () => ServedModel;
  log: Pick<Log, 'debug'>;
}

/**
 * Answers a request of inference, and counts and logs what became of it, whichever front it came through. Rejects as `work`
 * does.
 */
export async function observed<Answer>(
  { protocol, find, log }: Arrival,
  { metrics, now }: Observers,
  work: (model: ServedModel, timeline: Timeline) => Promise<Answer>,
): Promise<Answer> {
  const begin = now();
  let code: Outcome = 'ok';
  let ofModel = noModelLabels;
  try {
    const model = find();
    ofModel = modelLabels(model.name);
    metrics.inFlight.inc(ofModel);
    return await work(model, { queuedAt: undefined, run: undefined });
  } catch (error) {
    code = error instanceof RequestError ? error.code : 'Bug';
    throw error;
  } finally {
    const durationMs = now() - begin;
    const labels = { ...ofModel, protocol, code };
    if (ofModel !== noModelLabels) metrics.inFlight.dec(ofModel);
    metrics.requests.inc(labels);
    metrics.duration.observe(labels, durationMs / 1000);
    log.debug({ code, durationMs }, 'inference');
  }
}
