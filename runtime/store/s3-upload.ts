import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  NoSuchUpload,
  PutObjectCommand,
  UploadPartCommand,
  type CompletedPart,
  type S3Client,
} from '@aws-sdk/client-s3';
import { forEachParallel } from './parallel.ts';

interface Upload {
  client: S3Client;
  bucket: string;
  key: string;
  signal: AbortSignal;
  /** Makes a request again while its failure may pass. */
  retried: <T>(request: () => Promise<T>) => Promise<T>;
}

/** What one request carries. S3 wants 5 MiB in every part of an object but the last, and takes 10,000 of them. */
const partBytes = 16 * 1024 ** 2;
const maxParts = 10_000;
const atOnce = 4;
const maxStarts = 3;

/** Replaces an object whole. Rejects with what the client throws. */
export async function putObject(upload: Upload, parts: readonly Uint8Array[]): Promise<void> {
  const { client, bucket, key, signal, retried } = upload;
  const total = parts.reduce((sum, { byteLength }) => sum + byteLength, 0);
  if (total <= partBytes) {
    const [Body = new Uint8Array()] = pieces(parts, partBytes);
    await retried(() => client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body }), { abortSignal: signal }));
    return;
  }
  const size = Math.max(partBytes, Math.ceil(total / maxParts));
  for (let starts = 1; ; starts++) {
    try {
      await putLarge(upload, pieces(parts, size));
      return;
    } catch (error) {
      // It was completed and the answer lost, or somebody tidied up.
      if (!(error instanceof NoSuchUpload) || starts === maxStarts) throw error;
    }
  }
}

async function putLarge(
  { client, bucket, key, signal, retried }: Upload,
  bodies: Generator<Uint8Array>,
): Promise<void> {
  const object = { Bucket: bucket, Key: key };
  const options = { abortSignal: signal };
  const start = new CreateMultipartUploadCommand({ ...object, ChecksumAlgorithm: 'CRC32' });
  const { UploadId } = await retried(() => client.send(start, options));
  const done: CompletedPart[] = [];
  try {
    await forEachParallel(bodies, atOnce, async (Body, index) => {
      const part = { ...object, UploadId, PartNumber: index + 1, Body, ChecksumAlgorithm: 'CRC32' } as const;
      const { ETag, ChecksumCRC32 } = await retried(() => client.send(new UploadPartCommand(part), options));
      done[index] = { PartNumber: index + 1, ETag, ChecksumCRC32 };
    });
    const end = { ...object, UploadId, MultipartUpload: { Parts: done } };
    await retried(() => client.send(new CompleteMultipartUploadCommand(end), options));
  } catch (error) {
    await client.send(new AbortMultipartUploadCommand({ ...object, UploadId })).catch(() => undefined);
    throw error;
  }
}

/** Cuts a sequence of bytes into pieces of one size, of which the last may be smaller; copies those that lie in several parts. */
function* pieces(parts: readonly Uint8Array[], size: number): Generator<Uint8Array> {
  let piece: Uint8Array[] = [];
  let room = size;
  for (const part of parts) {
    for (let from = 0; from < part.byteLength;) {
      const taken = part.subarray(from, from + room);
      piece.push(taken);
      from += taken.byteLength;
      room -= taken.byteLength;
      if (room > 0) continue;
      yield joined(piece);
      piece = [];
      room = size;
    }
  }
  if (piece.length > 0) yield joined(piece);
}

function joined(piece: readonly Uint8Array[]): Uint8Array {
  const [only] = piece;
  return only !== undefined && piece.length === 1 ? only : Buffer.concat(piece);
}
