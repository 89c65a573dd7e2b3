import { spawn } from 'node:child_process';
import { mkdtemp, mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CreateBucketCommand, ListBucketsCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { binaries } from '../cluster/binaries.ts';
import { freePort } from './free-port.ts';

export interface S3Server {
  /** `http://127.0.0.1:PORT`. */
  endpoint: string;
  /** The variables of a credentials Secret. */
  credentials: { AWS_ACCESS_KEY_ID: string; AWS_SECRET_ACCESS_KEY: string };
  client: S3Client;
  put(bucket: string, objects: Record<string, Uint8Array | string>): Promise<void>;
  close(): Promise<void>;
}

/** A real S3 server, versitygw, over a temporary folder; its first start on a machine builds it, in a minute or two. */
export async function startS3Server(): Promise<S3Server> {
  const built = await binaries('storage');
  const folder = await mkdtemp(join(tmpdir(), 'modelyard-s3-'));
  await mkdir(join(folder, 'data'));
  const port = await freePort();
  const credentials = { AWS_ACCESS_KEY_ID: 'tester', AWS_SECRET_ACCESS_KEY: 'tester-secret' };
  const child = spawn(
    built.path('versitygw'),
    ['--port', `127.0.0.1:${port}`, '--quiet', 'posix', join(folder, 'data')],
    {
      cwd: folder,
      env: {
        ROOT_ACCESS_KEY: credentials.AWS_ACCESS_KEY_ID,
        ROOT_SECRET_KEY: credentials.AWS_SECRET_ACCESS_KEY,
        HOME: folder,
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2000)));
  let failure: Error | undefined;
  child.once('error', (error) => (failure = error));
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const endpoint = `http://127.0.0.1:${port}`;
  const client = new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: {
      accessKeyId: credentials.AWS_ACCESS_KEY_ID,
      secretAccessKey: credentials.AWS_SECRET_ACCESS_KEY,
    },
  });
  const answers = (): Promise<boolean> =>
    client.send(new ListBucketsCommand({})).then(
      () => true,
      () => false,
    );
  while (!(await answers())) {
    if (failure || child.exitCode !== null) throw new Error(`versitygw did not start: ${failure?.message ?? said}`);
    await sleep(50);
  }
  return {
    endpoint,
    credentials,
    client,
    async put(bucket, objects) {
      await client.send(new CreateBucketCommand({ Bucket: bucket })).catch((error: unknown) => {
        if (!(error instanceof Error && error.name.startsWith('BucketAlready'))) throw error;
      });
      for (const [Key, Body] of Object.entries(objects)) {
        await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body }));
      }
    },
    async close() {
      client.destroy();
      child.kill('SIGTERM');
      await gone;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
