import { crc32cChecksum, md5Checksum, type Checksum } from './checksum.ts';
import { ContentChanged } from './download.ts';
import { invalid, notFound } from './errors.ts';
import { openBucket, type Bucket, type StoredObject } from './gs-bucket.ts';
import { openConstant } from './http-client.ts';
import { isArchive, pathProblem, quoted, type RemoteFile, type Scheme, type SourceContext } from './source.ts';

/** `gs://BUCKET/PATH` of a file or an archive, or of a folder. */
export const gs: Scheme = async (context) => {
  const { url, shown, subject } = context;
  const key = decodeURIComponent(url.pathname.slice(1));
  if (!/^[a-z0-9][-._a-z0-9]*$/.test(url.host) || url.search !== '' || url.hash !== '') {
    throw invalid(
      `${shown} names nothing in a bucket: write gs://BUCKET/PATH, ? as %3F and # as %23, in ${subject.field}.uri.`,
    );
  }
  const bucket = openBucket(url.host, context);
  const name = key.slice(key.lastIndexOf('/') + 1);
  const named = isArchive(name) ? 'file' : subject.named(name);
  if (named !== 'folder') {
    const found = await bucket.find(key);
    if (found) return { kind: isArchive(name) ? 'archive' : 'file', files: [remoteFile(found, name, bucket, context)] };
    if (named === 'file') {
      throw notFound(
        `There is no ${subject.noun} at ${shown}: there is no bucket ${quoted(url.host)}, or no object ${quoted(key)} in it.`,
      );
    }
  }
  return { kind: 'folder', files: await list(bucket, key, context) };
};

function remoteFile(object: StoredObject, path: string, bucket: Bucket, { shown }: SourceContext): RemoteFile {
  const problem = pathProblem(path);
  if (problem) throw invalid(`${shown}: the object ${quoted(object.name)} ${problem}.`);
  if (!['', 'identity'].includes(object.contentEncoding)) {
    throw invalid(
      `${shown}: the object ${quoted(object.name)} is stored with the content-encoding ${quoted(object.contentEncoding)}, so that ` +
        'what is sent of it is not what is stored. Upload it as it is, without -z or -Z.',
    );
  }
  const { size, generation } = object;
  const content = {
    size,
    version: generation,
    ask: (headers: Readonly<Record<string, string>>) => bucket.get(object, headers),
    // An object that was replaced is there no longer in the generation that was found.
    refused: (status: number) =>
      status === 404 ? new ContentChanged('the object was replaced') : bucket.refused(status),
  };
  const checksum = checksumOf(object);
  return {
    path,
    size,
    version: generation,
    ...(checksum && { checksum }),
    open: (offset) => openConstant(content, offset, shown),
  };
}

/** Objects that were composed of others have no md5. */
function checksumOf({ md5Hash, crc32c }: StoredObject): Checksum | undefined {
  if (md5Hash !== undefined) return md5Checksum(md5Hash);
  return crc32c === undefined ? undefined : crc32cChecksum(crc32c);
}

async function list(bucket: Bucket, key: string, context: SourceContext): Promise<RemoteFile[]> {
  const { shown, limits, subject, url } = context;
  const prefix = key === '' || key.endsWith('/') ? key : `${key}/`;
  const files: RemoteFile[] = [];
  let bytes = 0;
  let pageToken: string | undefined;
  let listed = 0;
  do {
    const page = await bucket.list(prefix, pageToken);
    listed += Math.max(1, page.items.length);
    for (const object of page.items) {
      const path = object.name.slice(prefix.length);
      if (path === '' || path.endsWith('/')) continue;
      if (!object.name.startsWith(prefix)) {
        throw invalid(`${shown}: the object ${quoted(object.name)} is not in the folder.`);
      }
      files.push(remoteFile(object, path, bucket, context));
      bytes += object.size;
      if (bytes > limits.bytes) throw invalid(`${shown} is larger than ${limits.bytes} bytes.`);
    }
    // Markers of folders count too: a list of nothing else might have no end.
    if (listed > limits.files) throw invalid(`${shown} has more than ${limits.files} files.`);
    pageToken = page.nextPageToken;
  } while (pageToken !== undefined);
  if (files.length === 0) {
    throw notFound(
      `There is no ${subject.noun} at ${shown}: the bucket ${quoted(url.host)} has no object whose name starts with ${quoted(prefix)}.`,
    );
  }
  return files;
}
