/** `node upload.ts ENDPOINT BUCKET PREFIX FOLDER`: puts a folder's files into S3-compatible storage; keys come as AWS_* variables. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';

const [endpoint = '', bucket = '', prefix = '', folder = ''] = process.argv.slice(2);
const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true });
await client.send(new CreateBucketCommand({ Bucket: bucket })).catch((error: unknown) => {
  if (!(error instanceof Error) || !['BucketAlreadyOwnedByYou', 'BucketAlreadyExists'].includes(error.name))
    throw error;
});
for (const file of await readdir(folder)) {
  await client.send(
    new PutObjectCommand({ Bucket: bucket, Key: `${prefix}${file}`, Body: await readFile(join(folder, file)) }),
  );
}
