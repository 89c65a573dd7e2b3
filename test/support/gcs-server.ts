import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { binaries } from '../cluster/binaries.ts';
import { freePort } from './free-port.ts';

export interface GcsServer {
  /** `http://127.0.0.1:PORT`. */
  endpoint: string;
  /** Makes a bucket, if there is none, and objects in it. */
  put(bucket: string, objects: Record<string, Uint8Array | string>): Promise<void>;
  /** Makes an object of others, one after the other: the service gives such objects no md5. */
  compose(bucket: string, name: string, sources: string[]): Promise<void>;
  close(): Promise<void>;
}

/** A server of Google Cloud Storage's JSON API, fake-gcs-server; its first start on a machine builds it, in a minute or two. */
export async function startGcs(): Promise<GcsServer> {
  const built = await binaries('gcs');
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const options = ['-scheme', 'http', '-host', '127.0.0.1', '-port', String(port), '-backend', 'memory'];
  const child = spawn(built.path('fake-gcs-server'), [...options, '-external-url', endpoint, '-log-level', 'error'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2000)));
  let failure: Error | undefined;
  child.once('error', (error) => (failure = error));
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const answers = (): Promise<boolean> =>
    fetch(`${endpoint}/storage/v1/b?project=test`).then(
      ({ ok }) => ok,
      () => false,
    );
  while (!(await answers())) {
    if (failure || child.exitCode !== null)
      throw new Error(`fake-gcs-server did not start: ${failure?.message ?? said}`);
    await sleep(50);
  }
  const send = async (path: string, body: Uint8Array | string | object, type: string): Promise<void> => {
    const isBytes = typeof body === 'string' || body instanceof Uint8Array;
    const answer = await fetch(`${endpoint}${path}`, {
      method: 'POST',
      headers: { 'content-type': type },
      body: isBytes ? Buffer.from(body) : JSON.stringify(body),
    });
    if (!answer.ok && answer.status !== 409) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  };
  return {
    endpoint,
    async put(bucket, objects) {
      await send('/storage/v1/b?project=test', { name: bucket }, 'application/json');
      for (const [name, bytes] of Object.entries(objects)) {
        const path = `/upload/storage/v1/b/${bucket}/o?uploadType=media&name=${encodeURIComponent(name)}`;
        await send(path, bytes, 'application/octet-stream');
      }
    },
    compose: (bucket, name, sources) =>
      send(
        `/storage/v1/b/${bucket}/o/${encodeURIComponent(name)}/compose`,
        { sourceObjects: sources.map((source) => ({ name: source })) },
        'application/json',
      ),
    async close() {
      child.kill('SIGTERM');
      await gone;
    },
  };
}
