import { Readable } from 'node:stream';
import { paginateListObjectsV2, S3Client, S3ServiceException, GetObjectCommand } from '@aws-sdk/client-s3';
import { denied, invalidModel, notFound, storeErrorIn, systemCode, unavailable } from './errors.ts';
import {
  isArchive,
  isModelFile,
  pathProblem,
  quoted,
  singleFile,
  type RemoteBody,
  type RemoteFile,
  type Scheme,
  type SourceContext,
} from './source.ts';

interface Place {
  client: S3Client;
  /** As messages name it. */
  endpoint: string;
  bucket: string;
  shown: string;
  signal: AbortSignal;
}

/** `s3://BUCKET/KEY` of a file or an archive, or `s3://BUCKET/PREFIX/` of a folder. */
export const s3: Scheme = async (context) => {
  const { url, shown, signal, storage } = context;
  const key = decodeURIComponent(url.pathname.slice(1));
  const endpoint = storage.s3Endpoint ?? 'Amazon S3';
  const place: Place = { client: clientOf(context), endpoint, bucket: url.hostname, shown, signal };
  if (isModelFile(key) || isArchive(key)) {
    const file = await singleFile(key.split('/').at(-1) ?? key, opener(place, key));
    return { kind: isArchive(key) ? 'archive' : 'file', files: [file] };
  }
  return { kind: 'folder', files: await list(place, key === '' || key.endsWith('/') ? key : `${key}/`, context) };
};

function clientOf({ storage, connections, limits }: SourceContext): S3Client {
  const {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_SESSION_TOKEN: sessionToken,
  } = storage.credentials;
  return new S3Client({
    region: storage.s3Region ?? 'us-east-1',
    followRegionRedirects: true,
    maxAttempts: 3,
    ...(storage.s3Endpoint !== undefined && { endpoint: storage.s3Endpoint, forcePathStyle: true }),
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

function opener(place: Place, key: string, known?: string): RemoteFile['open'] {
  let version = known;
  const open = async (offset: number): Promise<RemoteBody> => {
    const { client, bucket, shown, signal } = place;
    const resumes = offset > 0 && version !== undefined;
    try {
      const answer = await client.send(
        new GetObjectCommand({
          Bucket: bucket,
          Key: key,
          ...(resumes && { Range: `bytes=${offset}-`, IfMatch: version }),
        }),
        { abortSignal: signal },
      );
      if (!(answer.Body instanceof Readable)) throw unavailable(`${shown}: the server answered without content.`);
      const total = /\/(\d+)$/.exec(answer.ContentRange ?? '')?.[1];
      const isPart = resumes && answer.ContentRange?.startsWith(`bytes ${offset}-`) === true;
      version = answer.ETag;
      return {
        stream: answer.Body,
        offset: isPart ? offset : 0,
        size: total === undefined ? answer.ContentLength : Number(total),
        version,
      };
    } catch (error) {
      const status = statusOf(error);
      if (resumes && (status === 412 || status === 416)) {
        version = undefined;
        return open(0);
      }
      throw translate(error, place, key);
    }
  };
  return open;
}

async function list(place: Place, prefix: string, { limits }: SourceContext): Promise<RemoteFile[]> {
  const { client, bucket, shown, signal } = place;
  const files: RemoteFile[] = [];
  let bytes = 0;
  try {
    const pages = paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: prefix }, { abortSignal: signal });
    for await (const { Contents = [] } of pages) {
      for (const { Key: key = '', Size: size = 0, ETag: version } of Contents) {
        const path = key.slice(prefix.length);
        if (path === '' || path.endsWith('/')) continue;
        const problem = pathProblem(path);
        if (!key.startsWith(prefix) || problem) {
          throw invalidModel(`${shown}: the object ${quoted(key)} ${problem ?? 'is not in the folder'}.`);
        }
        files.push({ path, size, version, open: opener(place, key, version) });
        bytes += size;
        if (files.length > limits.files) throw invalidModel(`${shown} has more than ${limits.files} files.`);
        if (bytes > limits.bytes) throw invalidModel(`${shown} is larger than ${limits.bytes} bytes.`);
      }
    }
  } catch (error) {
    throw translate(error, place, prefix);
  }
  if (files.length === 0) {
    throw notFound(
      `There is nothing at ${shown}: the bucket ${quoted(bucket)} has no key that starts with ${quoted(prefix)}.`,
    );
  }
  return files;
}

const statusOf = (error: unknown): number | undefined =>
  error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;

/** A StoreError for whatever the client throws, which is no bug of ours: what it throws, the endpoint decides. */
function translate(error: unknown, { bucket, endpoint, shown, signal }: Place, key: string): unknown {
  if (signal.aborted) return signal.reason;
  const own = storeErrorIn(error);
  if (own) return own;
  const status = statusOf(error);
  const name = error instanceof S3ServiceException ? error.name : '';
  if (name === 'NoSuchBucket') return notFound(`There is no bucket ${quoted(bucket)} for ${shown}.`);
  if (status === 404) return notFound(`There is no ${shown}: the bucket ${quoted(bucket)} has no key ${quoted(key)}.`);
  if (status === 401 || status === 403) {
    return denied(
      `${shown}: the server answered ${status} (${name}). Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the ` +
        'credentials Secret, and that they may read the bucket.',
    );
  }
  if (status !== undefined) return unavailable(`${shown}: the server answered ${status} (${name}).`, error);
  return unavailable(
    `${shown}: no answer of S3 came from ${endpoint} (${reasonOf(error)}). Check spec.model.storage.endpoint, and that ` +
      'pods can reach it.',
    error,
  );
}

/** Short: a client's parser quotes what it could not read. */
function reasonOf(error: unknown): string {
  const message = (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '';
  return systemCode(error) ?? quoted(message).slice(1, -1);
}
