import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { KubeError, type StatusDetails } from './errors.ts';
import type { Transport } from './kube-config.ts';

export type Verb = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

interface RawStatus {
  kind?: string;
  reason?: string;
  message?: string;
  code?: number;
  details?: StatusDetails;
}

const reasons: Record<number, string> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  410: 'Expired',
  422: 'Invalid',
  429: 'TooManyRequests',
};

/** What a Status object says, be it the body of an answer or the object of an ERROR event. */
export function errorOf(status: number, body: unknown, context: string, retryAfter?: string): KubeError {
  const raw = (typeof body === 'object' && body !== null ? body : {}) as RawStatus;
  const seconds = Number(retryAfter ?? raw.details?.retryAfterSeconds);
  return new KubeError(
    status,
    raw.reason ?? reasons[status] ?? `HTTP${status}`,
    raw.message ?? `${context}: HTTP ${status}`,
    {
      ...(raw.details === undefined ? {} : { details: raw.details }),
      ...(Number.isFinite(seconds) && seconds > 0 ? { retryAfterMs: seconds * 1000 } : {}),
    },
  );
}

function parse(text: string, context: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new KubeError(0, 'Unreachable', `${context}: the answer is no JSON`, { cause });
  }
}

/** Aborts at a time or with another signal, whichever is first. `AbortSignal.any` would keep every call alive with the other. */
function guard(
  limitMs: number,
  signal: AbortSignal | undefined,
  context: string,
): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  const timer = setTimeout(
    () => controller.abort(new KubeError(0, 'Timeout', `${context}: no answer in ${limitMs / 1000} s`)),
    limitMs,
  );
  const onAbort = (): void => controller.abort(signal?.reason);
  if (signal?.aborted) onAbort();
  else signal?.addEventListener('abort', onAbort, { once: true });
  return {
    signal: controller.signal,
    release: () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    },
  };
}

/** Every failure without an answer is status 0: whether a write was done is then unknown. */
function unreachable(error: unknown, signal: AbortSignal, context: string): KubeError {
  if (error instanceof KubeError) return error;
  if (signal.aborted && signal.reason instanceof KubeError) return signal.reason;
  const message = error instanceof Error ? error.message : String(error);
  return new KubeError(0, 'Unreachable', `${context}: ${message}`, { cause: error });
}

/** Requests and answers as JSON, with limits; knows nothing of objects. */
export class HttpTransfer {
  readonly #transport: Transport;
  readonly #timeoutMs: number;
  readonly #origin: string;
  readonly #prefix: string;

  constructor(transport: Transport, timeoutMs: number) {
    this.#transport = transport;
    this.#timeoutMs = timeoutMs;
    const { origin, pathname } = new URL(transport.server);
    this.#origin = origin;
    this.#prefix = pathname === '/' ? '' : pathname;
  }

  /** @throws KubeError for everything but 2xx */
  async call(
    verb: Verb,
    path: string,
    options: { signal: AbortSignal | undefined; body?: unknown; contentType?: string },
  ): Promise<unknown> {
    const context = `${verb} ${path.split('?', 1)[0] ?? path}`;
    const limit = guard(this.#timeoutMs, options.signal, context);
    try {
      const response = await this.#send(verb, path, limit.signal, this.#timeoutMs, options);
      const text = await response.body.text();
      if (response.statusCode >= 200 && response.statusCode < 300) return parse(text, context);
      throw refusal(response, text, context);
    } catch (error) {
      throw unreachable(error, limit.signal, context);
    } finally {
      limit.release();
    }
  }

  /**
   * The body of an answer, as it comes. It ends with an error after `limitMs` in all, or after `silenceMs` without a byte.
   * @throws KubeError for everything but 2xx
   */
  async *stream(
    path: string,
    options: { signal: AbortSignal; limitMs: number; silenceMs: number },
  ): AsyncGenerator<Buffer> {
    const context = `WATCH ${path.split('?', 1)[0] ?? path}`;
    const limit = guard(options.limitMs, options.signal, context);
    try {
      const response = await this.#send('GET', path, limit.signal, options.silenceMs, {});
      if (response.statusCode !== 200) throw refusal(response, await response.body.text(), context);
      yield* response.body as Readable as AsyncIterable<Buffer>;
    } catch (error) {
      throw unreachable(error, limit.signal, context);
    } finally {
      limit.release();
    }
  }

  close(): Promise<void> {
    return this.#transport.close();
  }

  async #send(
    verb: Verb,
    path: string,
    signal: AbortSignal,
    bodyTimeout: number,
    { body, contentType }: { body?: unknown; contentType?: string },
  ): Promise<Dispatcher.ResponseData> {
    const send = async (): Promise<Dispatcher.ResponseData> => {
      const dispatcher = await this.#transport.dispatcher();
      return dispatcher.request({
        origin: this.#origin,
        path: this.#prefix + path,
        method: verb,
        headers: {
          ...(await this.#transport.headers()),
          accept: 'application/json',
          'user-agent': 'modelyard',
          ...(body === undefined ? {} : { 'content-type': contentType ?? 'application/json' }),
        },
        body: body === undefined ? null : JSON.stringify(body),
        signal,
        headersTimeout: this.#timeoutMs,
        bodyTimeout,
      });
    };
    const first = await send();
    if (first.statusCode !== 401) return first;
    await first.body.dump();
    this.#transport.forget();
    return send();
  }
}

function refusal(response: Dispatcher.ResponseData, text: string, context: string): KubeError {
  const retryAfter = response.headers['retry-after'];
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    body = { message: text.slice(0, 200) };
  }
  return errorOf(response.statusCode, body, context, typeof retryAfter === 'string' ? retryAfter : undefined);
}
