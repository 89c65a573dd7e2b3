import type { IncomingHttpHeaders } from 'node:http';

const acceptable = /^[A-Za-z0-9._:/=+-]{1,128}$/;
const traceparent = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** The id that a request brings: its X-Request-Id, or the trace id of its traceparent; else a new one. */
export function requestIdOf(headers: IncomingHttpHeaders, fresh: () => string): string {
  const given = headers['x-request-id'];
  if (typeof given === 'string' && acceptable.test(given)) return given;
  return traceIdOf(headers) ?? fresh();
}

/** The id of the trace that a request says it is part of. */
export function traceIdOf({ traceparent: given }: IncomingHttpHeaders): string | undefined {
  return typeof given === 'string' ? traceparent.exec(given)?.[1] : undefined;
}
