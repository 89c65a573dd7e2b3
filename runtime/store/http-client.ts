import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { request } from 'undici';
import { addressNotAllowed, isPassing, unavailable, type StoreError } from './errors.ts';
import { quoted, type RemoteBody, type SourceContext } from './source.ts';

/** What it takes to ask a server. */
export type HttpContext = Pick<SourceContext, 'shown' | 'limits' | 'connections' | 'signal'>;

export interface Answer {
  status: number;
  /** Where the answer came from, after all redirects. */
  url: URL;
  /** The first of that name, in lower case. */
  header(name: string): string | undefined;
  body: Readable;
}

export type Headers = Readonly<Record<string, string>>;

/**
 * A GET that follows redirects; each is a new connection, whose address is checked like the first. An `authorization` goes
 * no further than the origin that was asked first. Rejects with StoreError, or with what the connection throws.
 */
export async function get(url: URL, headers: Headers, context: HttpContext): Promise<Answer> {
  const { shown, limits } = context;
  const { authorization, ...others } = headers;
  let at = bare(url);
  let credentials = authorization === undefined ? {} : { authorization };
  for (let hops = 0; hops <= limits.redirects; hops++) {
    const answer = await ask(at, { ...others, ...credentials }, context);
    if (![301, 302, 303, 307, 308].includes(answer.status)) return answer;
    discard(answer);
    const location = answer.header('location');
    if (location === undefined || !URL.canParse(location, at.href)) throw unavailable(`${shown} redirects to nowhere.`);
    const next = bare(new URL(location, at.href));
    if (!['http:', 'https:'].includes(next.protocol) || (at.protocol === 'https:' && next.protocol !== 'https:')) {
      throw addressNotAllowed(`${shown} redirects from ${at.protocol}// to ${next.protocol}//, which is not followed.`);
    }
    if (next.origin !== at.origin) credentials = {};
    at = next;
  }
  throw unavailable(`${shown} redirects more than ${limits.redirects} times.`);
}

/** A POST of a form. No redirect is followed. */
export const postForm = (url: URL, form: Readonly<Record<string, string>>, context: HttpContext): Promise<Answer> =>
  ask(
    bare(url),
    { 'content-type': 'application/x-www-form-urlencoded' },
    context,
    new URLSearchParams(form).toString(),
  );

async function ask(url: URL, headers: Headers, { connections, signal }: HttpContext, posted?: string): Promise<Answer> {
  const answer = await request(url.href, {
    method: posted === undefined ? 'GET' : 'POST',
    dispatcher: connections.dispatcher,
    signal,
    headers: { 'accept-encoding': 'identity', ...headers },
    body: posted ?? null,
  });
  return {
    status: answer.statusCode,
    url,
    header: (name) => {
      const value = answer.headers[name];
      return Array.isArray(value) ? value[0] : value;
    },
    body: answer.body,
  };
}

/** Without what a request has no place for, or what would become credentials. */
function bare(url: URL): URL {
  const copy = new URL(url.href);
  copy.username = copy.password = copy.hash = '';
  return copy;
}

/** Ends an answer that nobody reads. */
export function discard({ body }: Answer): void {
  body.on('error', () => undefined).destroy();
}

/** A short answer, whole. Rejects with StoreError where it is longer. */
export async function readWhole(answer: Answer, maxBytes: number, { shown }: HttpContext): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer.body as AsyncIterable<Buffer>) {
    length += chunk.byteLength;
    if (length > maxBytes) {
      throw unavailable(`${shown}: ${answer.url.host} answered with more than ${maxBytes} bytes where fewer are due.`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const retryDelayMs = 250;

/** Tries a short request again, where it was cut or the server had a bad moment. */
export async function persistently<T>(act: () => Promise<T>, { limits, signal }: HttpContext): Promise<T> {
  for (let failures = 0; ;) {
    try {
      return await act();
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      failures += 1;
      if (!isPassing(error) || failures >= limits.cuts) throw error;
      await sleep(retryDelayMs * 2 ** failures, undefined, { signal });
    }
  }
}

/** Its bytes are not the file's, so neither would be their digest; ranges of it are those of another file. */
export function encodingProblem(answer: Answer, shown: string): StoreError | undefined {
  const encoding = answer.header('content-encoding')?.trim().toLowerCase() ?? '';
  if (![200, 206].includes(answer.status) || ['', 'identity'].includes(encoding)) return undefined;
  return unavailable(
    `${shown}: the server answered with the content-encoding ${quoted(encoding)}, though the file as it is was asked for. ` +
      'Turn compression of this path off on the server.',
  );
}

/** The size of the whole file where an answer is its part from `offset` on. */
export function sizeOfPart(answer: Answer, offset: number): number | undefined {
  const parts = answer.status === 206 ? /^bytes (\d+)-\d+\/(\d+)$/.exec(answer.header('content-range') ?? '') : null;
  return parts && Number(parts[1]) === offset ? Number(parts[2]) : undefined;
}

/** Of the whole file, where the answer is that and says so. */
export function sizeOfWhole(answer: Answer): number | undefined {
  const length = answer.header('content-length');
  return length !== undefined && /^\d{1,15}$/.test(length) ? Number(length) : undefined;
}

/** Content that is always the same at its URL, as long as it is there. */
export interface Constant {
  size: number | undefined;
  version: string;
  ask(headers: Headers): Promise<Answer>;
  /** Why an answer with another status is none. */
  refused(status: number): Error;
}

/** Opens it from a byte on; from the start where the server's ranges cannot be trusted. */
export async function openConstant(content: Constant, offset: number, shown: string): Promise<RemoteBody> {
  const { size, version } = content;
  const answer = await content.ask(offset > 0 ? { range: `bytes=${offset}-` } : {});
  const encoded = encodingProblem(answer, shown);
  if (encoded) {
    discard(answer);
    throw encoded;
  }
  if (answer.status === 200) {
    return { stream: answer.body, offset: 0, size: size ?? sizeOfWhole(answer), version };
  }
  const total = offset > 0 ? sizeOfPart(answer, offset) : undefined;
  if (total !== undefined && total === (size ?? total)) return { stream: answer.body, offset, size: total, version };
  discard(answer);
  if (offset > 0 && [206, 416].includes(answer.status)) return openConstant(content, 0, shown);
  throw content.refused(answer.status);
}
