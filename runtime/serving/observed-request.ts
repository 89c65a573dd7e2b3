import type { IncomingHttpHeaders } from 'node:http';
import { RequestError, type RequestErrorCode } from '../errors.ts';
import type { AccessLog } from './access-log.ts';
import type { Caller } from './access/access.ts';
import type { TraceRequest } from './request-tracing.ts';
import type { Timeline } from './scheduler.ts';
import type { ServedModel } from './served-model.ts';
import { modelLabels, noModelLabels, type ServingMetrics } from './serving-metrics.ts';

/** With what requests of inference are observed. */
export interface Observers {
  metrics: ServingMetrics;
  /** Milliseconds since the epoch, of a clock that never goes back. */
  now: () => number;
  accessLog: AccessLog | undefined;
  trace: TraceRequest | undefined;
}

/** What became of a request. `Bug`: an error that nobody expected. */
export type Outcome = 'ok' | 'Bug' | RequestErrorCode;

/** What a front says of all its requests. */
export interface Protocol<Answer> {
  name: 'rest' | 'grpc' | 'torchserve';
  /** The number that the protocol has for it. */
  statusOf: (outcome: Outcome) => number;
  bytesOf: (answer: Answer) => number;
}

/** A request of inference as its front received it. */
export interface Arrival {
  /** With its query, if any. */
  path: string;
  /** Of all requests of its kind, without the names that they carry. */
  route: string;
  requestId: string;
  headers: IncomingHttpHeaders;
  clientAddress: () => string | undefined;
  /** Undefined where nobody has to say who calls. */
  caller: Caller | undefined;
  bytesIn: number;
  /** Throws RequestError where nobody serves it. */
  find: () => ServedModel;
}

/** A request of inference that is over. */
export interface ObservedRequest {
  protocol: Protocol<unknown>['name'];
  arrival: Arrival;
  /** Empty where nobody serves it. */
  model: { model: string; version: string };
  code: Outcome;
  status: number;
  /** 0 where there is no answer but an error. */
  bytesOut: number;
  /** Like those of the timeline, milliseconds since the epoch. */
  beganAt: number;
  endedAt: number;
  timeline: Timeline;
}

/**
 * Answers a request of inference, and counts, traces and logs what became of it, whichever front it came through. Rejects as `work`
 * does.
 */
export async function observed<Answer>(
  protocol: Protocol<Answer>,
  arrival: Arrival,
  { metrics, now, accessLog, trace }: Observers,
  work: (model: ServedModel, timeline: Timeline) => Promise<Answer>,
): Promise<Answer> {
  const beganAt = now();
  const timeline: Timeline = { queuedAt: undefined, run: undefined };
  let code: Outcome = 'ok';
  let ofModel = noModelLabels;
  let load: ReturnType<ServingMetrics['loadOf']> | undefined;
  let answer: Answer | undefined;
  try {
    const model = arrival.find();
    ofModel = modelLabels(model.name);
    load = metrics.loadOf(model.name);
    load.inFlight += 1;
    answer = await work(model, timeline);
    return answer;
  } catch (error) {
    code = error instanceof RequestError ? error.code : 'Bug';
    throw error;
  } finally {
    const endedAt = now();
    const labels = { ...ofModel, protocol: protocol.name, code };
    if (load) load.inFlight -= 1;
    metrics.requests.inc(labels);
    metrics.duration.observe(labels, (endedAt - beganAt) / 1000);
    const isLogged = accessLog?.wants(code) === true;
    if (isLogged || trace) {
      const request: ObservedRequest = {
        protocol: protocol.name,
        arrival,
        model: ofModel,
        code,
        status: protocol.statusOf(code),
        bytesOut: answer === undefined ? 0 : protocol.bytesOf(answer),
        beganAt,
        endedAt,
        timeline,
      };
      const traceId = trace?.(request);
      if (isLogged) accessLog.write(request, traceId);
    }
  }
}
