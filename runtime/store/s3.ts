import { Readable } from 'node:stream';
import { GetObjectCommand, paginateListObjectsV2 } from '@aws-sdk/client-s3';
import { invalid, notFound, storeErrorIn, unavailable } from './errors.ts';
import { openClient, statusOf, translate, type Place } from './s3-client.ts';
import {
  isArchive,
  pathProblem,
  quoted,
  singleFile,
  type RemoteBody,
  type RemoteFile,
  type Scheme,
  type SourceContext,
} from './source.ts';

/** `s3://BUCKET/KEY` of a file or an archive, or `s3://BUCKET/PREFIX/` of a folder. */
export const s3: Scheme = async (context) => {
  const { url, shown, signal, storage, subject } = context;
  const key = decodeURIComponent(url.pathname.slice(1));
  const endpoint = storage.endpoint ?? 'Amazon S3';
  const client = openClient(storage, context.connections, context.limits, 3);
  const place: Place = { client, endpoint, bucket: url.hostname, shown, subject, access: 'read', signal };
  const name = key.slice(key.lastIndexOf('/') + 1);
  const named = isArchive(name) ? 'file' : subject.named(name);
  if (named !== 'folder') {
    const problem = pathProblem(name);
    if (problem) throw invalid(`${shown}: the file's name ${problem}.`);
    try {
      const file = await singleFile(name, opener(place, key));
      return { kind: isArchive(name) ? 'archive' : 'file', files: [file] };
    } catch (error) {
      if (named === 'file' || storeErrorIn(error)?.code !== 'NotFound') throw error;
    }
  }
  return { kind: 'folder', files: await list(place, key, named === 'either', context) };
};

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

/** @param isNoFile whether there is no object of that very key, as was seen */
async function list(place: Place, key: string, isNoFile: boolean, { limits }: SourceContext): Promise<RemoteFile[]> {
  const prefix = key === '' || key.endsWith('/') ? key : `${key}/`;
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
          throw invalid(`${shown}: the object ${quoted(key)} ${problem ?? 'is not in the folder'}.`);
        }
        files.push({ path, size, version, open: opener(place, key, version) });
        bytes += size;
        if (files.length > limits.files) throw invalid(`${shown} has more than ${limits.files} files.`);
        if (bytes > limits.bytes) throw invalid(`${shown} is larger than ${limits.bytes} bytes.`);
      }
    }
  } catch (error) {
    throw translate(error, place, prefix);
  }
  if (files.length === 0) {
    const none = `${isNoFile ? `no key ${quoted(key)} and none` : 'no key'} that starts with ${quoted(prefix)}`;
    throw notFound(`There is no ${place.subject.noun} at ${shown}: the bucket ${quoted(bucket)} has ${none}.`);
  }
  return files;
}
