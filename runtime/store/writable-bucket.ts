import { randomUUID } from 'node:crypto';
import { addAbortSignal, Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { openConnections } from './connections.ts';
import { full, invalid, unavailable, unsupported } from './errors.ts';
import { openClient, statusOf, translate, type Place } from './s3-client.ts';
import { retried } from './s3-retry.ts';
import { putObject } from './s3-upload.ts';
import { pathProblem, quoted } from './source.ts';
import type { WritableFolder } from './writable-folder.ts';
import { isReserved, requirePath, reserved, type WritablePlace } from './writable-place.ts';

/** The metadata of an object that was created: who did. */
const creationKey = 'modelyard-creation';

/** A prefix of a bucket as a folder that is written to. */
export async function openBucket(place: WritablePlace): Promise<WritableFolder> {
  const { url, uri, storage, signal, limits, log, noun, field } = place;
  const prefix = decodeURIComponent(url.pathname).replace(/^\/+|\/+$/g, '');
  const problem = prefix === '' ? undefined : pathProblem(prefix);
  if (url.hostname === '' || problem)
    throw invalid(`${uri} ${problem ?? 'names no bucket'}: write s3://BUCKET/PREFIX.`);
  const base = prefix === '' ? '' : `${prefix}/`;
  const bucket = url.hostname;
  const connections = openConnections(storage.allowedCidrs, storage.ca, limits);
  const client = openClient(storage, connections, limits, 1);
  const endpoint = storage.endpoint ?? 'Amazon S3';
  const about = { client, endpoint, bucket, subject: { noun, field }, access: 'read and write', signal } as const;
  const options = { abortSignal: signal };

  const explain = async <T>(path: string, use: () => Promise<T>): Promise<T> => {
    try {
      return await use();
    } catch (error) {
      throw explained(error, { ...about, shown: path === '' ? uri : `${uri}/${path}` }, base + path);
    }
  };
  const act = <T>(path: string, request: (earlier: number) => Promise<T>): Promise<T> =>
    explain(path, () => retried(request, place));
  const objectOf = (path: string): { Bucket: string; Key: string } => {
    requirePath(path, uri);
    return { Bucket: bucket, Key: base + path };
  };
  const get = async (path: string, range?: { from: number; to: number }): Promise<Uint8Array | undefined> => {
    const object = objectOf(path);
    return act(path, async () => {
      const Range = range && `bytes=${range.from}-${range.to - 1}`;
      try {
        const answer = await client.send(
          new GetObjectCommand({ ...object, ...(Range !== undefined && { Range }) }),
          options,
        );
        const bytes = await bytesOf(answer, signal);
        return range && answer.ContentRange === undefined ? bytes.slice(range.from, range.to) : bytes;
      } catch (error) {
        if (isMissing(error)) return undefined;
        if (range && statusOf(error) === 416) return new Uint8Array();
        throw error;
      }
    });
  };
  const createAt = async (path: string, Body: Uint8Array): Promise<boolean> => {
    const creation = randomUUID();
    const object = { Bucket: bucket, Key: base + path };
    const Metadata = { [creationKey]: creation };
    const came = await act(path, async (earlier) => {
      try {
        await client.send(new PutObjectCommand({ ...object, Body, Metadata, IfNoneMatch: '*' }), options);
        return 'first';
      } catch (error) {
        if (statusOf(error) !== 412) throw error;
        return earlier === 0 ? 'late' : 'first or late';
      }
    });
    if (came !== 'first or late') return came === 'first';
    // What is there may be what an earlier attempt created, whose answer was lost.
    const { Metadata: found } = await act(path, () => client.send(new HeadObjectCommand(object), options));
    return found?.[creationKey] === creation;
  };
  const removeAt = (path: string): Promise<void> =>
    act(path, async () => {
      try {
        await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: base + path }), options);
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
    });
  const close = async (): Promise<void> => {
    client.destroy();
    await connections.close();
  };
  const requireConditions = async (): Promise<void> => {
    const probe = `${reserved}${randomUUID()}`;
    const created = [await createAt(probe, new Uint8Array()), await createAt(probe, new Uint8Array())];
    await removeAt(probe).catch((error: unknown) => {
      log.warn({ uri, err: error }, 'an object that tried the bucket out could not be removed');
    });
    if (created[0] !== true || created[1] !== false) throw unconditional(uri, endpoint, field);
  };

  try {
    await requireConditions();
  } catch (error) {
    await close();
    throw error;
  }
  return {
    uri,
    read: (path) => get(path),
    readRange: (path, from, to) => get(path, { from, to }),
    async write(path, parts) {
      const { Key } = objectOf(path);
      const upload = { client, bucket, key: Key, signal, retried: <T>(send: () => Promise<T>) => retried(send, place) };
      await explain(path, () => putObject(upload, parts));
    },
    async create(path, content) {
      objectOf(path);
      return createAt(path, content);
    },
    async list(start) {
      const paths: string[] = [];
      let ContinuationToken: string | undefined;
      do {
        const page = {
          Bucket: bucket,
          Prefix: base + start,
          ...(ContinuationToken !== undefined && { ContinuationToken }),
        };
        const answer = await act(start, () => client.send(new ListObjectsV2Command(page), options));
        for (const { Key = '' } of answer.Contents ?? []) {
          const path = Key.slice(base.length);
          if (!isReserved(path) && !pathProblem(path)) paths.push(path);
        }
        ContinuationToken = answer.IsTruncated === true ? answer.NextContinuationToken : undefined;
      } while (ContinuationToken !== undefined);
      return paths.sort();
    },
    async remove(path) {
      objectOf(path);
      await removeAt(path);
    },
    close,
  };
}

/** An answer's whole content, in a buffer of its own. Rejects where the connection is cut. */
async function bytesOf(
  { Body, ContentLength }: { Body?: unknown; ContentLength?: number | undefined },
  signal: AbortSignal,
): Promise<Uint8Array> {
  if (!(Body instanceof Readable)) throw new Error('the server answered without content');
  const chunks: Buffer[] = [];
  for await (const chunk of addAbortSignal(signal, Body)) chunks.push(chunk as Buffer);
  const length = chunks.reduce((sum, { byteLength }) => sum + byteLength, 0);
  if (ContentLength !== undefined && length !== ContentLength)
    throw new Error(`${length} of ${ContentLength} bytes came`);
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}

const nameOf = (error: unknown): string => (error instanceof S3ServiceException ? error.name : '');

const isMissing = (error: unknown): boolean => statusOf(error) === 404 && nameOf(error) !== 'NoSuchBucket';

function explained(error: unknown, place: Place, key: string): unknown {
  const { bucket, shown, endpoint, subject, signal } = place;
  if (signal.aborted) return signal.reason;
  const status = statusOf(error);
  if (nameOf(error) === 'NoSuchBucket') {
    return unavailable(
      `There is no bucket ${quoted(bucket)} for ${shown}. Create it, or name another in ${subject.field}.uri.`,
    );
  }
  if (status === 507 || /quota|storagefull/i.test(nameOf(error))) {
    return full(
      `There is no room for ${shown}: the server answered ${status ?? ''} (${nameOf(error)}). Remove what nobody needs, or give the ` +
        `bucket ${quoted(bucket)} more.`,
      error,
    );
  }
  if (status === 501) return unconditional(shown, endpoint, subject.field);
  return translate(error, place, key);
}

const unconditional = (shown: string, endpoint: string, field: string): Error =>
  unsupported(
    `${shown}: ${endpoint} has no conditional writes (PutObject with If-None-Match: *), so that nothing there can be created ` +
      `exactly once. Name another server in ${field}.storage.endpoint, or a volume (pvc://CLAIM/PATH) in ${field}.uri.`,
  );
