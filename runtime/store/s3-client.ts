import { S3Client, S3ServiceException } from '@aws-sdk/client-s3';
import type { StorageConfig } from '../config.ts';
import type { Connections } from './connections.ts';
import { denied, notFound, storeErrorIn, systemCode, unavailable } from './errors.ts';
import { quoted, type StoreLimits, type Subject } from './source.ts';

/** A bucket, and what is done there. */
export interface Place {
  client: S3Client;
  /** As messages name it. */
  endpoint: string;
  bucket: string;
  shown: string;
  subject: Pick<Subject, 'noun' | 'field'>;
  /** What is done there, as a message asks whether it may be. */
  access: 'read' | 'read and write';
  signal: AbortSignal;
}

/** @param attempts of one request, before the client gives up */
export function openClient(
  storage: StorageConfig,
  connections: Connections,
  limits: StoreLimits,
  attempts: number,
): S3Client {
  const {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_SESSION_TOKEN: sessionToken,
  } = storage.credentials;
  return new S3Client({
    region: storage.region ?? 'us-east-1',
    followRegionRedirects: true,
    maxAttempts: attempts,
    ...(storage.endpoint !== undefined && { endpoint: storage.endpoint, forcePathStyle: true }),
    // Without credentials the bucket is taken for public. The client's own search for some would ask the node's metadata address.
    ...(accessKeyId && secretAccessKey
      ? { credentials: { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) } }
      : {
          credentials: { accessKeyId: '', secretAccessKey: '' },
          signer: { sign: (request) => Promise.resolve(request) },
        }),
    requestHandler: {
      httpAgent: connections.httpAgent,
      httpsAgent: connections.httpsAgent,
      connectionTimeout: limits.connectTimeoutMs,
      socketTimeout: limits.stallTimeoutMs,
    },
  });
}

export const statusOf = (error: unknown): number | undefined =>
  error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;

/** A StoreError for whatever the client throws, which is no bug of ours: what it throws, the endpoint decides. */
export function translate(
  error: unknown,
  { bucket, endpoint, shown, subject, access, signal }: Place,
  key: string,
): unknown {
  if (signal.aborted) return signal.reason;
  const own = storeErrorIn(error);
  if (own) return own;
  const status = statusOf(error);
  const name = error instanceof S3ServiceException ? error.name : '';
  if (name === 'NoSuchBucket') return notFound(`There is no bucket ${quoted(bucket)} for ${shown}.`);
  if (status === 404)
    return notFound(`There is no ${subject.noun} at ${shown}: the bucket ${quoted(bucket)} has no key ${quoted(key)}.`);
  if (status === 401 || status === 403) {
    return denied(
      `${shown}: the server answered ${status} (${name}). Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the ` +
        `credentials Secret, and that they may ${access} the bucket.`,
    );
  }
  if (status !== undefined) return unavailable(`${shown}: the server answered ${status} (${name}).`, error);
  return unavailable(
    `${shown}: no answer of S3 came from ${endpoint} (${reasonOf(error)}). Check ` +
      `${subject.field}.storage.endpoint, and that pods can reach it.`,
    error,
  );
}

/** Short: a client's parser quotes what it could not read. */
function reasonOf(error: unknown): string {
  const message = (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '';
  return systemCode(error) ?? quoted(message.replace(/^AWS SDK error wrapper for /, '')).slice(1, -1);
}
