import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Session } from '../../cli/local/session.ts';
import { isAvailable } from '../../cli/local/pod.ts';
import { podKind } from '../../cli/local/workloads.ts';
import { ModelClient } from '../../client/model-client.ts';
import { createLog } from '../../lib/log.ts';
import type { ModelDeployment } from '../../operator/api/model-deployment.gen.ts';
import type { KubeObject } from '../../operator/kube/object.ts';

const root = join(import.meta.dirname, '..', '..');
const example = join(root, 'examples', 'digits');
const timeoutMs = 180_000;

async function eventually(look: () => void): Promise<void> {
  const deadline = Date.now() + 120_000;
  for (;;) {
    try {
      look();
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** A folder with the digit model where `pvc://models/digits/` finds it. */
async function home(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'modelyard-test-'));
  await cp(join(example, 'model'), join(folder, '.modelyard', 'volumes', 'models', 'digits'), { recursive: true });
  return folder;
}

const digits = (spec: object = {}): KubeObject => ({
  apiVersion: 'modelyard.dev/v1alpha1',
  kind: 'ModelDeployment',
  metadata: { name: 'digits', namespace: 'default' },
  spec: { model: { uri: 'pvc://models/digits/', task: 'ImageClassification' }, replicas: 2, ...spec },
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('a laptop session with real runtime processes', () => {
  let folder: string;
  let session: Session;
  const livePods = (): KubeObject[] => session.cluster.all(podKind).filter(isAvailable);
  const podsOf = (name: string): KubeObject[] =>
    livePods().filter(({ metadata }) => metadata.name.startsWith(`${name}-`));
  const untilReady = (): Promise<void> =>
    eventually(() => {
      const { status, metadata } = session.cluster.get({
        apiVersion: 'modelyard.dev/v1alpha1',
        kind: 'ModelDeployment',
        name: 'digits',
        namespace: 'default',
      }) as ModelDeployment;
      expect(status?.observedGeneration).toBe(metadata.generation);
      expect(status?.conditions?.find(({ type }) => type === 'Ready')?.status).toBe('True');
    });
  const endpoint = () => session.endpoint('default', 'digits');
  const seven = (): Promise<Buffer> => readFile(join(example, 'images', 'digit-7-1.png'));

  beforeAll(async () => {
    folder = await home();
    session = await Session.start({
      folder: join(folder, '.modelyard'),
      appFolder: root,
      env: process.env,
      seed: process.pid,
      wholeLoopback: process.platform === 'linux',
      log: createLog('operator', 'error'),
      onLine: () => undefined,
    });
    await session.apply(digits());
    await untilReady();
  }, timeoutMs);

  afterAll(async () => {
    const pids = livePods().flatMap((pod) => session.kubelet.pidOf(pod) ?? []);
    await session.stop();
    expect(pids.filter(isAlive)).toEqual([]);
    await rm(folder, { recursive: true, force: true });
  }, timeoutMs);

  test(
    'answers over REST and gRPC',
    async () => {
      const { http, grpc } = await endpoint();
      const options = { model: 'digits' };
      for (const client of [ModelClient.rest(`http://${http}`, options), ModelClient.grpc(grpc, options)]) {
        expect((await client.predict(await seven()))[0]?.label).toBe('7');
        await client.close();
      }
    },
    timeoutMs,
  );

  test(
    'pods share what one of them downloaded',
    async () => {
      const model = await readFile(join(example, 'model', 'model.onnx'));
      const server = createServer((_, response) => {
        response.writeHead(200, { etag: '"1"', 'content-length': model.length }).end(model);
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as AddressInfo;
      try {
        const uri = `http://127.0.0.1:${port}/model.onnx`;
        await session.apply({ ...digits({ model: { uri } }), metadata: { name: 'shared', namespace: 'default' } });
        await eventually(() => expect(podsOf('shared')).toHaveLength(2));
      } finally {
        server.close();
      }
      const cache = join(folder, '.modelyard', 'volumes', 'modelyard-cache');
      const [hex = '', ...others] = await readdir(join(cache, 'sha256'));
      expect(others).toEqual([]);
      expect(await readdir(join(cache, 'leases', hex))).toHaveLength(2);
      await session.client.remove({
        apiVersion: 'modelyard.dev/v1alpha1',
        kind: 'ModelDeployment',
        namespace: 'default',
        name: 'shared',
      });
      await eventually(() => expect(podsOf('shared')).toEqual([]));
    },
    timeoutMs,
  );

  test(
    'a rolling update fails no request',
    async () => {
      const { http } = await endpoint();
      const image = await seven();
      const client = ModelClient.rest(`http://${http}`, { model: 'digits', retries: 0 });
      const before = livePods().map(({ metadata }) => metadata.uid);
      const stop = new AbortController();
      const failures: unknown[] = [];
      let answers = 0;
      const load = async (): Promise<void> => {
        while (!stop.signal.aborted) {
          try {
            const [best] = await client.predict(image);
            if (best?.label === '7') answers += 1;
            else failures.push(best);
          } catch (error) {
            failures.push(error);
          }
        }
      };
      const callers = Array.from({ length: 4 }, load);
      await session.apply(digits({ serving: { timeout: '20s' } }));
      await untilReady();
      await eventually(() => {
        const uids = session.cluster.all(podKind).map(({ metadata }) => metadata.uid);
        expect(uids.some((uid) => before.includes(uid))).toBe(false);
      });
      stop.abort();
      await Promise.all(callers);
      await client.close();
      expect(failures).toEqual([]);
      expect(answers).toBeGreaterThan(100);
    },
    timeoutMs,
  );

  test(
    'a pod that was killed comes back, and says how it died',
    async () => {
      const [pod] = livePods();
      const pid = pod === undefined ? undefined : session.kubelet.pidOf(pod);
      if (pod === undefined || pid === undefined) throw new Error('no pod runs');
      process.kill(pid, 'SIGKILL');
      await eventually(() => {
        const now = session.cluster.all(podKind).find(({ metadata }) => metadata.uid === pod.metadata.uid);
        expect(now?.status).toMatchObject({
          containerStatuses: [
            { ready: true, restartCount: 1, lastState: { terminated: { exitCode: 137, signal: 9 } } },
          ],
        });
      });
      await untilReady();
    },
    timeoutMs,
  );

  test(
    "answers TorchServe's calls once a Secret is named, with the tokens that it holds now",
    async () => {
      const secret = (inference: string): KubeObject => ({
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'tokens', namespace: 'default' },
        data: { inference: Buffer.from(inference).toString('base64') },
      });
      await session.apply(secret('first'));
      await session.apply(digits({ serving: { torchServe: { tokenSecretRef: { name: 'tokens' } } } }));
      await untilReady();
      const url = `http://${await session.torchServe('default', 'digits')}/predictions/digits`;
      const predicted = async (token: string): Promise<unknown> => {
        const headers = { authorization: `Bearer ${token}` };
        return (await fetch(url, { method: 'POST', headers, body: Uint8Array.from(await seven()) })).json();
      };
      expect(Object.keys((await predicted('first')) as object)).toContain('7');
      await session.apply(secret('second'));
      const deadline = Date.now() + 30_000;
      while (!Object.hasOwn((await predicted('second')) as object, '7')) expect(Date.now()).toBeLessThan(deadline);
      expect(await predicted('first')).toMatchObject({ code: 400, type: 'InvalidKeyException' });
    },
    timeoutMs,
  );
});

describe('however `modelyard run` ends, no process is left', () => {
  let folder: string;
  let child: ChildProcessByStdio<null, Readable, null>;
  let exited: Promise<number | null>;
  let pids: number[];

  beforeEach(async () => {
    folder = await home();
    const args = [join(root, 'cli', 'main.ts'), 'run', '-f', join(example, 'digits.yaml')];
    child = spawn('node', args, { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
    exited = new Promise((resolve) => child.once('exit', resolve));
    const lines = createInterface({ input: child.stdout });
    for await (const line of lines) if (line.includes('| REST http://')) break;
    const children = (await readFile(`/proc/${child.pid ?? 0}/task/${child.pid ?? 0}/children`, 'utf8')).split(' ');
    pids = children.filter((text) => text !== '').map(Number);
    expect(pids.length).toBeGreaterThan(1);
  }, timeoutMs);

  afterEach(() => rm(folder, { recursive: true, force: true }));

  test.each([
    ['Ctrl-C', 'SIGINT', 130],
    ['a closed terminal', 'SIGHUP', 129],
  ] as const)(
    '%s: it ends with the exit code of %s',
    async (_name, signal, code) => {
      child.stdout.resume();
      child.kill(signal);
      expect(await exited).toBe(code);
      expect(pids.filter(isAlive)).toEqual([]);
    },
    timeoutMs,
  );

  test(
    'a reader of its output that is gone: it ends at the next line',
    async () => {
      child.stdout.destroy();
      const ask = ['scale', 'digits', '--replicas', '2'];
      spawn('node', [join(root, 'cli', 'main.ts'), ...ask], { cwd: folder, stdio: 'ignore' });
      expect(await exited).toBe(0);
      expect(pids.filter(isAlive)).toEqual([]);
    },
    timeoutMs,
  );

  test(
    'kill -9: its pods die too',
    async () => {
      child.kill('SIGKILL');
      await exited;
      await eventually(() => expect(pids.filter(isAlive)).toEqual([]));
    },
    timeoutMs,
  );
});
