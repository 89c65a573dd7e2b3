import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../../lib/log.ts';
import { pinFile } from '../contract.ts';
import { isRecord } from './json.ts';

/** The digest that another replica loaded from this URI; undefined where none is pinned. Never throws. */
export async function readPin(pinDir: string, uri: string, log: Log): Promise<string | undefined> {
  const text = await readFile(join(pinDir, pinFile), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const pins: unknown = JSON.parse(text);
    const digest = isRecord(pins) && Object.hasOwn(pins, uri) ? pins[uri] : undefined;
    if (digest === undefined) return undefined;
    if (typeof digest === 'string' && /^sha256:[0-9a-f]{64}$/.test(digest)) return digest;
    log.warn({ uri }, 'the pinned digest is not sha256:HEX and is ignored');
  } catch {
    log.warn('the pin file is not valid JSON and is ignored');
  }
  return undefined;
}
