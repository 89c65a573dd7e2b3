/**
 * `node upload.ts ENDPOINT BUCKET [PREFIX FOLDER]`: makes a bucket of S3-compatible storage where there is none, and puts a folder's files
 * into it; keys come as AWS_* variables.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';

const [endpoint = '', bucket = '', prefix = '', folder] = process.argv.slice(2);
const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true });
await client.send(new CreateBucketCommand({ Bucket: bucket })).catch((error: unknown) => {
  if (!(error instanceof Error) || !['BucketAlreadyOwnedByYou', 'BucketAlreadyExists'].includes(error.name))
    throw error;
});
if (folder !== undefined) {
  for (const file of await readdir(folder)) {
    const Body = await readFile(join(folder, file));
    await client.send(new PutObjectCommand({ Bucket: bucket, Key: `${prefix}${file}`, Body }));
  }
}
