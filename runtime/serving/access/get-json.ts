import type { Connections } from '../../store/connections.ts';
import { discard, get, readWhole } from '../../store/http-client.ts';
import { jsonIn } from '../../store/json.ts';
import { defaultLimits } from '../../store/source.ts';

/** Of an issuer, which answers requests that wait. No redirect is followed. */
export const issuerLimits = { ...defaultLimits, redirects: 0, connectTimeoutMs: 3_000, stallTimeoutMs: 5_000 };

const timeoutMs = 5_000;
const maxBytes = 1024 * 1024;

/** JSON over connections that check where they lead. Rejects with an Error whose message says what is wrong. */
export async function getJson(url: URL, connections: Connections): Promise<unknown> {
  const signal = AbortSignal.timeout(timeoutMs);
  const context = { shown: `${url.origin}${url.pathname}`, limits: issuerLimits, connections, signal };
  const answer = await get(url, { accept: 'application/json' }, context);
  if (answer.status !== 200) {
    discard(answer);
    throw new Error(`${context.shown} answers with status ${answer.status}`);
  }
  const json = jsonIn(await readWhole(answer, maxBytes, context));
  if (json === undefined) throw new Error(`${context.shown} does not answer with JSON`);
  return json;
}
