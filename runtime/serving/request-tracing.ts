import type { Parent, SpanParts, Tracing } from '../../lib/tracing.ts';
import type { RunTimes } from './messages.ts';
import type { ObservedRequest, Outcome } from './observed-request.ts';
import type { Run } from './scheduler.ts';

/** Records the spans of a request that is over. @returns the id of its trace; undefined where the trace is not recorded */
export type TraceRequest = (request: ObservedRequest) => string | undefined;

/** What the server answers for; the rest is the client's doing. */
const serverFailures: readonly Outcome[] = ['Bug', 'ModelFailed', 'ModelCrashed', 'NotReady', 'DeadlineExceeded'];

const internal = 'internal';

/**
 * Spans of a request: the whole of it, its time in the queue, its run, and within the run what the model process measured. Of requests
 * that ran together the first one recorded has the spans of the model process, and the runs of the others link to its run.
 */
export function requestTracing(tracing: Tracing): TraceRequest {
  /** The recorded span of each run. */
  const recorded = new WeakMap<Run, Parent>();
  const recordRun = (run: Run, endedAt: number, parent: Parent): void => {
    const first = recorded.get(run);
    const context = first && tracing.identityOf(first);
    const { times } = run;
    const parts: SpanParts = {
      name: 'run',
      kind: internal,
      beganAt: run.beganAt,
      endedAt: run.endedAt ?? endedAt,
      attributes: { 'modelyard.batch.requests': run.requests },
      links: context ? [{ context }] : [],
    };
    const span = tracing.record(parts, parent);
    if (!span || first) return;
    recorded.set(run, span);
    if (times && run.endedAt !== undefined) recordModelProcess(tracing, { ...run, endedAt: run.endedAt, times }, span);
  };
  return (request) => {
    const { arrival, timeline, beganAt, endedAt, code } = request;
    const { queuedAt, run } = timeline;
    const error = serverFailures.includes(code) ? code : undefined;
    const server = tracing.record(
      { ...namesOf(request), kind: 'server', beganAt, endedAt, error },
      tracing.callerOf(arrival.headers),
    );
    if (!server) return undefined;
    if (queuedAt !== undefined)
      tracing.record({ name: 'queue', kind: internal, beganAt: queuedAt, endedAt: run?.beganAt ?? endedAt }, server);
    if (run) recordRun(run, endedAt, server);
    return tracing.identityOf(server)?.traceId;
  };
}

/** The model process measures how long things take; when it began is what the way there and back, taken as equal, leaves. */
function recordModelProcess(
  tracing: Tracing,
  { beganAt, endedAt, times }: { beganAt: number; endedAt: number; times: RunTimes },
  parent: Parent,
): void {
  const { executions, inputMs, runMs } = times;
  const began = beganAt + Math.max(0, endedAt - beganAt - runMs) / 2;
  const ended = began + runMs;
  const span = tracing.record({ name: 'model process', kind: internal, beganAt: began, endedAt: ended }, parent);
  if (!span) return;
  let at = began;
  const step = (name: string, ms: number, attributes = {}): void => {
    const until = Math.min(ended, at + ms);
    tracing.record({ name, kind: internal, beganAt: at, endedAt: until, attributes }, span);
    at = until;
  };
  step('preprocess', inputMs);
  for (const { rows, inferMs } of executions) step('infer', inferMs, { 'modelyard.batch.rows': rows });
  step('postprocess', ended - at);
}

/** As OpenTelemetry's conventions for HTTP and RPC have them; `modelyard.*` is ours. */
function namesOf({
  protocol,
  arrival,
  status,
  model,
  code,
  bytesOut,
}: ObservedRequest): Pick<SpanParts, 'name' | 'attributes'> {
  const { route, path, requestId, bytesIn } = arrival;
  const client = arrival.clientAddress();
  const common = {
    ...(client !== undefined && { 'client.address': client }),
    ...(model.model !== '' && { 'modelyard.model.name': model.model, 'modelyard.model.version': model.version }),
    'modelyard.request.id': requestId,
    'modelyard.request.size': bytesIn,
    'modelyard.response.size': bytesOut,
    'modelyard.code': code,
  };
  if (protocol === 'grpc') {
    const [, service = '', method = ''] = route.split('/', 3);
    const rpc = { 'rpc.system': 'grpc', 'rpc.service': service, 'rpc.method': method, 'rpc.grpc.status_code': status };
    return { name: `${service}/${method}`, attributes: { ...rpc, ...common } };
  }
  const http = {
    'http.request.method': 'POST',
    'http.route': route,
    'http.response.status_code': status,
    'url.path': path.split('?', 1)[0]?.slice(0, 200) ?? '',
  };
  return { name: `POST ${route}`, attributes: { ...http, ...common } };
}
