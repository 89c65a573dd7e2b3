import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, stat, truncate } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../../lib/log.ts';
import { invalid, storeErrorIn, systemCode, unavailable } from './errors.ts';
import type { RemoteFile, StoreLimits } from './source.ts';

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
      return await attempt(file, target, before, limits, onBytes, signal);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (error instanceof ContentChanged) throw error;
      const after = await lengthOf(target);
      const own = storeErrorIn(error);
      if (own && !(own.retrying && own.code === 'StorageUnavailable')) throw own;
      if (['ENOSPC', 'EDQUOT'].includes(systemCode(error) ?? '')) throw error;
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
  limits: StoreLimits,
  onBytes: (bytes: number) => void,
  signal: AbortSignal,
): Promise<string> {
  const from = file.version === undefined ? 0 : length;
  const hash = createHash('sha256');
  if (from > 0 && from === file.size) {
    await hashStart(hash, target, from, signal);
    onBytes(from);
    return `sha256:${hash.digest('hex')}`;
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
    if (body.offset > 0) await hashStart(hash, target, body.offset, signal);
    if (length > 0) await truncate(target, body.offset);
    const written = await write(body.stream, target, body.offset, hash, limits, file.path, onBytes);
    if (body.size !== undefined && written !== body.size) throw new Error(`${written} of ${body.size} bytes came`);
    return `sha256:${hash.digest('hex')}`;
  } finally {
    signal.removeEventListener('abort', stop);
    body.stream.destroy();
  }
}

async function write(
  stream: AsyncIterable<Buffer>,
  target: string,
  offset: number,
  hash: Hash,
  limits: StoreLimits,
  path: string,
  onBytes: (bytes: number) => void,
): Promise<number> {
  const handle = await open(target, 'a');
  let written = offset;
  try {
    for await (const chunk of stream) {
      if (written + chunk.byteLength > limits.bytes) throw tooLarge(path, limits);
      hash.update(chunk);
      await handle.appendFile(chunk);
      written += chunk.byteLength;
      onBytes(written);
    }
    return written;
  } finally {
    await handle.close();
  }
}

async function hashStart(hash: Hash, path: string, length: number, signal: AbortSignal): Promise<void> {
  const stream = createReadStream(path, { end: length - 1, signal, highWaterMark: 1024 * 1024 });
  for await (const chunk of stream) hash.update(chunk as Buffer);
}

const lengthOf = async (path: string): Promise<number> => (await stat(path).catch(() => undefined))?.size ?? 0;

const tooLarge = (path: string, limits: StoreLimits): Error =>
  invalid(`${JSON.stringify(path)} is larger than ${limits.bytes} bytes.`);

function reasonOf(error: unknown): string {
  const code = systemCode(error);
  const message = error instanceof Error ? error.message : String(error);
  return code === undefined || message.includes(code) ? message : `${message} (${code})`;
}
