import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rm, stat, truncate } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../../lib/log.ts';
import type { RunningChecksum } from './checksum.ts';
import { invalid, isFull, StoreError, storeErrorIn, systemCode, unavailable } from './errors.ts';
import { quoted, type RemoteBody, type RemoteFile, type StoreLimits } from './source.ts';

interface DownloadHooks {
  /** Bytes that lie on the disk: of this file. */
  onBytes: (bytes: number) => void;
  signal: AbortSignal;
  log: Log;
}

/** The file is not what it was when it was found: the caller looks again. */
export class ContentChanged extends Error {}

const retryDelayMs = 250;

/**
 * Writes a remote file to `folder`, from where an earlier attempt was cut, and gives its digest. A file whose version
 * changed meanwhile starts over. Rejects with StoreError.
 */
export async function download(
  file: RemoteFile,
  folder: string,
  shown: string,
  limits: StoreLimits,
  { onBytes, signal, log }: DownloadHooks,
): Promise<string> {
  const target = join(folder, file.path);
  await mkdir(dirname(target), { recursive: true });
  let best = 0;
  for (let cuts = 0; ;) {
    const before = await lengthOf(target);
    try {
      return await attempt(file, target, before, shown, limits, onBytes, signal);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (error instanceof ContentChanged) throw error;
      const after = await lengthOf(target);
      const own = storeErrorIn(error);
      if (own && !(own.retrying && own.code === 'StorageUnavailable')) throw own;
      if (isFull(error)) throw error;
      cuts = after > best ? 0 : cuts + 1;
      best = Math.max(best, after);
      if (cuts >= limits.cuts) {
        throw own ?? unavailable(`${shown}: the connection was cut at byte ${after}: ${reasonOf(error)}.`, error);
      }
      log.warn({ uri: shown, file: file.path, bytes: after, reason: reasonOf(error) }, 'a download was cut; going on');
      await sleep(retryDelayMs * 2 ** cuts, undefined, { signal });
    }
  }
}

async function attempt(
  file: RemoteFile,
  target: string,
  length: number,
  shown: string,
  limits: StoreLimits,
  onBytes: (bytes: number) => void,
  signal: AbortSignal,
): Promise<string> {
  const from = file.version === undefined ? 0 : length;
  const sums = new Sums(file);
  if (from > 0 && from === file.size) {
    await sumStart(sums, target, from, signal);
    onBytes(from);
    return digestOf(sums, file, target, shown);
  }
  const body = await file.open(from);
  // It may be stopped while nobody reads it yet, or any more.
  body.stream.on('error', () => undefined);
  const stop = (): void => void body.stream.destroy(signal.reason as Error);
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });
  try {
    if (file.version !== undefined && body.version !== file.version) throw new ContentChanged('the content changed');
    if ((body.size ?? 0) > limits.bytes) throw tooLarge(file.path, limits);
    if (body.offset > 0) await sumStart(sums, target, body.offset, signal);
    if (length > 0) await truncate(target, body.offset);
    const written = await write(body, target, sums, limits, file.path, onBytes);
    if (body.size !== undefined && written !== body.size) throw new Error(`${written} of ${body.size} bytes came`);
    return await digestOf(sums, file, target, shown);
  } finally {
    signal.removeEventListener('abort', stop);
    body.stream.destroy();
  }
}

/** All that is computed of a file's bytes while they pass. */
class Sums {
  readonly #sha256 = createHash('sha256');
  readonly #own: RunningChecksum | undefined;

  constructor({ checksum }: RemoteFile) {
    this.#own = checksum?.start();
  }

  update(chunk: Uint8Array): void {
    this.#sha256.update(chunk);
    this.#own?.update(chunk);
  }

  digest(): { sha256: string; own: string | undefined } {
    return { sha256: `sha256:${this.#sha256.digest('hex')}`, own: this.#own?.digest() };
  }
}

/** What came is not kept where it is not what its source says that it is. */
async function digestOf(sums: Sums, { checksum, path }: RemoteFile, target: string, shown: string): Promise<string> {
  const { sha256, own } = sums.digest();
  if (checksum === undefined || own === checksum.expected) return sha256;
  await rm(target, { force: true });
  throw new StoreError(
    'DigestMismatch',
    `${shown}: ${quoted(path)} came with the ${checksum.algorithm} ${own ?? ''}, not ${checksum.expected} as its source says. ` +
      'The source, or something on the way from it, damages what it sends.',
    { retrying: true },
  );
}

async function write(
  { stream, offset, size }: RemoteBody,
  target: string,
  sums: Sums,
  limits: StoreLimits,
  path: string,
  onBytes: (bytes: number) => void,
): Promise<number> {
  const handle = await open(target, 'a');
  let written = offset;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      if (written + chunk.byteLength > limits.bytes) throw tooLarge(path, limits);
      if (size !== undefined && written + chunk.byteLength > size) throw new Error(`more than ${size} bytes came`);
      sums.update(chunk);
      await handle.appendFile(chunk);
      written += chunk.byteLength;
      onBytes(written);
    }
    return written;
  } finally {
    await handle.close();
  }
}

async function sumStart(sums: Sums, path: string, length: number, signal: AbortSignal): Promise<void> {
  const stream = createReadStream(path, { end: length - 1, signal, highWaterMark: 1024 * 1024 });
  for await (const chunk of stream) sums.update(chunk as Buffer);
}

const lengthOf = async (path: string): Promise<number> => (await stat(path).catch(() => undefined))?.size ?? 0;

const tooLarge = (path: string, limits: StoreLimits): Error =>
  invalid(`${JSON.stringify(path)} is larger than ${limits.bytes} bytes.`);

function reasonOf(error: unknown): string {
  const code = systemCode(error);
  const message = error instanceof Error ? error.message : String(error);
  return code === undefined || message.includes(code) ? message : `${message} (${code})`;
}
