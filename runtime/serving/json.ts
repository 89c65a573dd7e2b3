import { invalid, RequestError } from '../errors.ts';
import { limits } from './limits.ts';

type Reviver = (key: string, value: unknown, context: { source?: string }) => unknown;

/** Keys that reach an object's prototype where code merges objects; nothing of ours needs them. */
const forbiddenKey =
  /"(?:_|\\u005[fF]){2}(?:p|\\u0070)(?:r|\\u0072)(?:o|\\u006[fF])(?:t|\\u0074)(?:o|\\u006[fF])(?:_|\\u005[fF]){2}"\s*:/;
const longInteger = /(?<![.\d])\d{16,}(?![.\deE])/;

/**
 * A request's JSON. Integers that a double cannot hold come as bigint, exactly; all others as number. Throws
 * RequestError for what is too large to be parsed at a stretch, not UTF-8, not JSON, nested too deeply, or names a prototype.
 */
export function parseJson(body: Uint8Array, path = 'body'): unknown {
  checkSize(body, path);
  const text = decodeUtf8(body, path);
  if (forbiddenKey.test(text)) throw invalid(`${path}: the key "__proto__" is not allowed`);
  try {
    return longInteger.test(text) ? parseExactly(text) : (JSON.parse(text) as unknown);
  } catch (error) {
    const reason = error instanceof RangeError ? 'nested too deeply' : 'not valid JSON';
    throw invalid(`${path}: ${reason}${error instanceof SyntaxError ? position(error) : ''}`);
  }
}

const [openArray, openObject] = [0x5b, 0x7b];

/** Keeps one request from holding up all others: brackets cost a parser far more than digits. */
function checkSize(body: Uint8Array, path: string): void {
  if (body.byteLength > limits.jsonBytes) {
    throw new RequestError(
      'TooLarge',
      `${path}: at most ${limits.jsonBytes} bytes of JSON are allowed; send larger tensors as binary data`,
    );
  }
  let containers = 0;
  for (const byte of body) if (byte === openArray || byte === openObject) containers += 1;
  if (containers > limits.jsonContainers)
    throw invalid(`${path}: has more than ${limits.jsonContainers} arrays and objects; send tensors as flat arrays`);
}

function decodeUtf8(body: Uint8Array, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw invalid(`${path}: not valid UTF-8`);
  }
}

const parse = JSON.parse as (text: string, reviver: Reviver) => unknown;

/** The longest 64-bit integer has 20 characters; longer ones stay inexact and fail every range check. */
function parseExactly(text: string): unknown {
  return parse(text, (_key, value, { source }) => {
    const inexact = typeof value === 'number' && !Number.isSafeInteger(value);
    return inexact && source !== undefined && /^-?\d{1,20}$/.test(source) ? BigInt(source) : value;
  });
}

function position(error: SyntaxError): string {
  const found = / at position (\d+)/.exec(error.message);
  return found ? ` (at character ${found[1] ?? ''})` : '';
}

/** Undefined where the text is not base64, with or without its padding. */
export function base64Bytes(text: string): Buffer | undefined {
  const unpadded = (encoded: string): string => encoded.replace(/=+$/, '');
  const bytes = Buffer.from(text, 'base64');
  return unpadded(bytes.toString('base64')) === unpadded(text) ? bytes : undefined;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
