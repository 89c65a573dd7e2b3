import { pino, type DestinationStream } from 'pino';
import type { AccessLogChoice } from '../contract.ts';
import type { ObservedRequest, Outcome } from './observed-request.ts';
import { computeMs } from './messages.ts';
import { traceIdOf } from './request-id.ts';
import type { ServingMetrics } from './serving-metrics.ts';

/** A line of JSON for each request of inference. It holds nothing of what was sent, and no header but ids. */
export interface AccessLog {
  wants: (outcome: Outcome) => boolean;
  /** `traceId`: of the trace that was recorded of it. */
  write: (request: ObservedRequest, traceId: string | undefined) => void;
}

/** What a pipe takes at a time without mixing it with what others write. */
const pipeBytes = 4096;
/** Lines that wait to be written. */
const maxWaitingBytes = 1024 * 1024;
const flushMs = 1_000;

/**
 * Lines are written some at a time, a second after they came at the latest and when the process ends. Those that nobody reads
 * in time, or that cannot be written, are dropped and counted.
 */
export function createAccessLog(
  choice: Exclude<AccessLogChoice, 'None'>,
  { droppedLines }: Pick<ServingMetrics, 'droppedLines'>,
  destination: DestinationStream = bufferedOutput(1, () => droppedLines.inc()),
): AccessLog {
  const log = pino(
    {
      name: 'modelyard-access',
      base: { name: 'modelyard-access' },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
  return {
    wants: (outcome) => choice === 'All' || outcome !== 'ok',
    write: (request, traceId) => log.info(lineOf(request, traceId), 'request'),
  };
}

/** `onDrop`: lines were lost, as nobody reads them in time or they cannot be written. */
export function bufferedOutput(fd: number, onDrop: () => void): DestinationStream {
  const output = pino.destination({
    fd,
    sync: false,
    minLength: pipeBytes / 2,
    maxWrite: pipeBytes,
    maxLength: maxWaitingBytes,
    periodicFlush: flushMs,
  });
  output.on('drop', onDrop);
  // Without a listener it would end the process.
  output.on('error', onDrop);
  return output;
}

function lineOf(
  { arrival, timeline, endedAt, beganAt, model, ...rest }: ObservedRequest,
  traceId: string | undefined,
): object {
  const { protocol, code, status, bytesOut } = rest;
  const { queuedAt, run } = timeline;
  return {
    requestId: arrival.requestId,
    traceId: traceId ?? traceIdOf(arrival.headers),
    client: arrival.clientAddress(),
    caller: arrival.caller?.name,
    callerBy: arrival.caller?.by,
    protocol,
    // A query may hold secrets, and a path be as long as a header.
    path: arrival.path.split('?', 1)[0]?.slice(0, 200),
    ...(model.model !== '' && model),
    code,
    status,
    bytesIn: arrival.bytesIn,
    bytesOut,
    durationMs: rounded(endedAt - beganAt),
    queueMs: queuedAt === undefined ? undefined : rounded((run?.beganAt ?? endedAt) - queuedAt),
    runMs: run && rounded((run.endedAt ?? endedAt) - run.beganAt),
    computeMs: run?.times && rounded(computeMs(run.times)),
    batchRequests: run?.requests,
  };
}

/** To whole microseconds. */
const rounded = (milliseconds: number): number => Math.round(milliseconds * 1000) / 1000;
