import { StringDecoder } from 'node:string_decoder';
import type { WatchEvent } from './client.ts';
import { KubeError } from './errors.ts';
import { errorOf } from './http-transfer.ts';
import type { KubeObject } from './object.ts';

/** Longer than any object that etcd takes. */
const maxLineLength = 32 * 1024 * 1024;

function eventOf(line: string): WatchEvent {
  let raw: { type: WatchEvent['type'] | 'ERROR'; object: KubeObject & { code?: number } };
  try {
    raw = JSON.parse(line) as typeof raw;
  } catch (cause) {
    throw new KubeError(0, 'Unreachable', 'watch: a line is no JSON', { cause });
  }
  if (raw.type === 'ERROR') throw errorOf(raw.object.code ?? 500, raw.object, 'watch');
  return { type: raw.type, object: raw.object };
}

/**
 * Events from newline-separated JSON. A last line without its end was cut off and is dropped: the next watch repeats it.
 * @throws KubeError the one in an ERROR event
 */
export async function* watchEvents(body: AsyncIterable<Buffer>): AsyncGenerator<WatchEvent> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of body) {
    const lines = (rest + decoder.write(chunk)).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > maxLineLength) throw new KubeError(0, 'Unreachable', 'watch: a line never ends');
    for (const line of lines) if (line.trim() !== '') yield eventOf(line);
  }
}
