import type { IncomingHttpHeaders } from 'node:http';

const acceptable = /^[A-Za-z0-9._:/=+-]{1,128}$/;
const traceparent = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** The id that a request brings: its X-Request-Id, or the trace id of its traceparent; else a new one. */
export function requestIdOf(headers: IncomingHttpHeaders, fresh: () => string): string {
  const given = headers['x-request-id'];
  if (typeof given === 'string' && acceptable.test(given)) return given;
  const trace = typeof headers.traceparent === 'string' ? traceparent.exec(headers.traceparent)?.[1] : undefined;
  return trace ?? fresh();
}
