import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { PodAddresses } from '../../cli/local/addresses.ts';
import { LocalCluster } from '../../cli/local/cluster.ts';
import { Kubelet } from '../../cli/local/kubelet.ts';
import { PodGuard } from '../../cli/local/pod-guard.ts';
import type { PodSpec, PodStatus } from '../../cli/local/pod.ts';
import { podKind } from '../../cli/local/workloads.ts';
import type { KubeObject, ObjectRef } from '../../operator/kube/object.ts';
import { trainingEnv } from '../../runtime/training-contract.ts';
import { eventually } from '../support/eventually.ts';

const refOf = (name: string): ObjectRef => ({ apiVersion: 'v1', kind: 'Pod', name, namespace: 'default' });

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

let folder: string;
let cluster: LocalCluster;
let kubelet: Kubelet;
let guard: PodGuard;
let lines: string[];

/** Adds a pod whose container runs this JavaScript. */
function addPod(name: string, script: string, spec: Partial<PodSpec> & { container?: object } = {}): void {
  const { container, ...rest } = spec;
  const command = ['node', '--input-type=module', '-e', script];
  cluster.add({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: { ...rest, containers: [{ name: 'runtime', image: 'none', command, ...container }] },
  });
}

const pod = (name: string): KubeObject => cluster.get(refOf(name));
const statusOf = (name: string): PodStatus => pod(name).status as PodStatus;
const containerOf = (name: string) => statusOf(name).containerStatuses?.[0];
const soon = (check: () => void): Promise<void> => eventually(check, 20_000, 20);
const untilRunning = async (name: string): Promise<number> => {
  await soon(() => expect(containerOf(name)?.state.running).toBeDefined());
  return kubelet.pidOf(pod(name)) ?? 0;
};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modelyard-kubelet-'));
  let uids = 0;
  lines = [];
  cluster = new LocalCluster({ now: () => new Date(), uid: () => String(++uids).padStart(8, '0') });
  guard = new PodGuard();
  kubelet = new Kubelet(cluster, {
    now: () => new Date(),
    random: () => 0.5,
    appFolder: folder,
    folders: { volumes: join(folder, 'volumes'), pods: join(folder, 'pods'), hosts: join(folder, 'hosts.json') },
    addresses: new PodAddresses('127.77.7'),
    guard,
    devices: { 'nvidia.com/gpu': ['0', '1', '5'] },
    baseEnv: {},
    onLine: ({ metadata }, line) => void lines.push(`${metadata.name}: ${line}`),
  });
});

afterEach(async () => {
  await kubelet.stop();
  await guard.close();
  await rm(folder, { recursive: true, force: true });
});

describe('a container that ends', () => {
  test.each([
    ['OnFailure', 0, 'Succeeded', 'Completed', 'PodCompleted'],
    ['Never', 0, 'Succeeded', 'Completed', 'PodCompleted'],
    ['Never', 65, 'Failed', 'Error', 'PodFailed'],
  ] as const)('is over for good with %s after exit code %i', async (restartPolicy, code, phase, reason, why) => {
    addPod('p', `process.exit(${code})`, { restartPolicy });
    await soon(() => expect(statusOf('p').phase).toBe(phase));
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(containerOf('p')).toMatchObject({ restartCount: 0, state: { terminated: { exitCode: code, reason } } });
    expect(containerOf('p')?.lastState).toBeUndefined();
    expect(statusOf('p').conditions?.find(({ type }) => type === 'Ready')).toMatchObject({
      status: 'False',
      reason: why,
    });
  });

  test.each([
    ['OnFailure', 7],
    ['Always', 7],
    ['Always', 0],
  ] as const)('is started again with %s after exit code %i, at the same address', async (restartPolicy, code) => {
    addPod('p', `process.exit(${code})`, { restartPolicy });
    await soon(() => expect(containerOf('p')?.state.waiting?.reason).toBe('CrashLoopBackOff'));
    const { podIP, phase } = statusOf('p');
    expect(phase).toBe('Running');
    await soon(() => expect(containerOf('p')?.restartCount).toBeGreaterThan(0));
    expect(containerOf('p')?.lastState?.terminated?.exitCode).toBe(code);
    expect(statusOf('p').podIP).toBe(podIP);
  });

  test('leaves its last words as the termination message, at most 4096 of them', async () => {
    const script = `import { writeFileSync } from 'node:fs';
      writeFileSync(process.env.${trainingEnv.terminationLog}, 'words'.repeat(2000));
      console.log('a line of the log');
      process.exit(3)`;
    addPod('p', script, { restartPolicy: 'Never', container: { terminationMessagePolicy: 'FallbackToLogsOnError' } });
    await soon(() => expect(statusOf('p').phase).toBe('Failed'));
    const message = containerOf('p')?.state.terminated?.message ?? '';
    expect(message).toHaveLength(4096);
    expect(message.startsWith('wordswords')).toBe(true);
  });

  test.each([
    ['FallbackToLogsOnError', 1, 'a last line'],
    ['FallbackToLogsOnError', 0, undefined],
    ['File', 1, undefined],
  ] as const)('without last words, and with %s and exit code %i, has the message %j', async (policy, code, message) => {
    const script = `process.stdout.write('a last line\\n', () => process.exit(${code}))`;
    addPod('p', script, { restartPolicy: 'Never', container: { terminationMessagePolicy: policy } });
    await soon(() => expect(statusOf('p').phase).toMatch(/Succeeded|Failed/));
    expect(containerOf('p')?.state.terminated?.message).toBe(message);
  });

  test('does not find the last words of the run before', async () => {
    const file = join(folder, 'ran');
    const script = `import { existsSync, writeFileSync } from 'node:fs';
      if (existsSync('${file}')) process.exit(0);
      writeFileSync('${file}', '');
      writeFileSync(process.env.${trainingEnv.terminationLog}, 'first');
      process.exit(1)`;
    addPod('p', script, { restartPolicy: 'OnFailure' });
    await soon(() => expect(statusOf('p').phase).toBe('Succeeded'));
    expect(containerOf('p')?.lastState?.terminated?.message).toBe('first');
    expect(containerOf('p')?.state.terminated?.message).toBeUndefined();
  });
});

describe('deleting a pod', () => {
  const stubborn = `process.on('SIGTERM', () => undefined); console.log('up'); setInterval(() => undefined, 1000)`;
  const polite = stubborn.replace('undefined', 'process.exit(0)');
  /** Resolves once the process minds its signals. */
  const untilUp = async (name: string): Promise<number> => {
    const pid = await untilRunning(name);
    await soon(() => expect(lines).toContain(`${name}: up`));
    return pid;
  };

  test('asks its process to stop, and says how it ended before the object goes', async () => {
    addPod('p', polite);
    const pid = await untilUp('p');
    const seen: PodStatus[] = [];
    cluster.onChange(podKind, () => seen.push(...cluster.all(podKind).map(({ status }) => status as never)));
    await cluster.client('test').remove(refOf('p'));
    expect(pod('p').metadata.deletionGracePeriodSeconds).toBe(30);
    await soon(() => expect(cluster.all(podKind)).toEqual([]));
    expect(isAlive(pid)).toBe(false);
    expect(seen.at(-1)).toMatchObject({ phase: 'Succeeded', containerStatuses: [{ ready: false }] });
  });

  test('kills what does not stop within the grace period', async () => {
    addPod('p', stubborn, { terminationGracePeriodSeconds: 1 });
    const pid = await untilUp('p');
    await cluster.client('test').remove(refOf('p'));
    await soon(() => expect(isAlive(pid)).toBe(false));
  });

  test('without grace takes the object at once, kills the process, and gives the name to another', async () => {
    addPod('p', stubborn, { terminationGracePeriodSeconds: 600 });
    const pid = await untilUp('p');
    const { podIP } = statusOf('p');
    const { uid } = pod('p').metadata;
    const client = cluster.client('test');
    await client.remove(refOf('p'));
    expect(pod('p').metadata.uid).toBe(uid);
    await client.remove(refOf('p'), { gracePeriodSeconds: 0 });
    expect(() => pod('p')).toThrow('not found');
    addPod('p', stubborn);
    await untilRunning('p');
    await soon(() => expect(isAlive(pid)).toBe(false));
    expect(statusOf('p').podIP).not.toBe(podIP);
    await eventually(async () => expect(await readdir(join(folder, 'pods'))).toHaveLength(1), 5_000, 20);
  });

  test('that is over needs no grace', async () => {
    addPod('p', 'process.exit(0)', { restartPolicy: 'Never' });
    await soon(() => expect(statusOf('p').phase).toBe('Succeeded'));
    await cluster.client('test').remove(refOf('p'));
    expect(cluster.all(podKind)).toEqual([]);
    await soon(() => expect(existsSync(join(folder, 'pods', 'default_p_00000001'))).toBe(false));
  });
});

test('a pod whose folder cannot be made says so, and starts once it can', async () => {
  await writeFile(join(folder, 'pods'), 'in the way');
  addPod('p', 'setInterval(() => undefined, 1000)', { hostname: 'p', subdomain: 'a' });
  await soon(() => expect(containerOf('p')?.state.waiting).toMatchObject({ reason: 'CreateContainerError' }));
  expect(containerOf('p')?.state.waiting?.message).toContain('ENOTDIR');
  await rm(join(folder, 'pods'));
  await untilRunning('p');
});

describe('names of pods', () => {
  const waits = 'setInterval(() => undefined, 1000)';
  const hosts = async (): Promise<unknown> => JSON.parse(await readFile(join(folder, 'hosts.json'), 'utf8'));

  test('stand in the hosts file that each pod is told of, and go with their pods', async () => {
    addPod('a-0', waits, { hostname: 'a-0', subdomain: 'a' });
    addPod('loner', waits);
    await untilRunning('a-0');
    await untilRunning('loner');
    const address = statusOf('a-0').podIP;
    await eventually(async () => expect(await hosts()).toEqual({ 'a-0.a.default.svc': address }), 5_000, 20);
    const environment = await readFile(`/proc/${kubelet.pidOf(pod('loner')) ?? 0}/environ`, 'utf8');
    expect(environment.split('\0')).toContain(`${trainingEnv.hostsFile}=${join(folder, 'hosts.json')}`);
    await cluster.client('test').remove(refOf('a-0'));
    await eventually(async () => expect(await hosts()).toEqual({}), 5_000, 20);
  });

  test('are written as soon as they can be', async () => {
    await mkdir(join(folder, 'hosts.json'));
    addPod('a-0', waits, { hostname: 'a-0', subdomain: 'a' });
    await untilRunning('a-0');
    await new Promise((resolve) => setTimeout(resolve, 300));
    await rm(join(folder, 'hosts.json'), { recursive: true });
    await eventually(
      async () => expect(await hosts()).toEqual({ 'a-0.a.default.svc': statusOf('a-0').podIP }),
      5_000,
      20,
    );
  });

  test('are never read half written', async () => {
    const seen: unknown[] = [];
    for (let i = 0; i < 8; i++) addPod(`a-${i}`, waits, { hostname: `a-${i}`, subdomain: 'a' });
    await eventually(
      async () => {
        if (existsSync(join(folder, 'hosts.json'))) seen.push(await hosts());
        expect(Object.keys(seen.at(-1) ?? {})).toHaveLength(8);
      },
      20_000,
      1,
    );
    expect(seen.length).toBeGreaterThan(1);
    expect((await readdir(folder)).filter((name) => name.startsWith('.hosts'))).toEqual([]);
  });
});

test('a pod and what it started die with a session that is killed', async () => {
  const main = `
    import { PodGuard } from '${join(import.meta.dirname, '../../cli/local/pod-guard.ts')}';
    import { PodProcess } from '${join(import.meta.dirname, '../../cli/local/process.ts')}';
    const script = "import { spawn } from 'node:child_process'; const child = spawn('sleep', ['600']); console.log(process.pid + ' ' + child.pid)";
    new PodProcess({ command: [process.execPath, '--input-type=module', '-e', script], cwd: '/', env: process.env,
      guard: new PodGuard(), onLine: (line) => console.log(line) });`;
  const session = spawn('node', ['--input-type=module-typescript', '-e', main], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface({ input: session.stdout }), 'line')) as [string];
  const pids = line.split(' ').map(Number);
  expect(pids.map(isAlive)).toEqual([true, true]);
  session.kill('SIGKILL');
  await soon(() => expect(pids.map(isAlive)).toEqual([false, false]));
});

describe('GPUs', () => {
  const asks = (count: number) => ({ container: { resources: { limits: { 'nvidia.com/gpu': count } } } });
  const tell = `console.log('sees ' + process.env.CUDA_VISIBLE_DEVICES); setInterval(() => {}, 1_000);`;
  const seenBy = (name: string): string | undefined => lines.find((line) => line.startsWith(`${name}: sees`));

  test('are for the pods that ask for them, each for one pod, and for the next one when that is gone', async () => {
    addPod('two', tell, asks(2));
    addPod('one', tell, asks(1));
    addPod('none', tell);
    await soon(() => {
      expect(seenBy('two')).toBe('two: sees 0,1');
      expect(seenBy('one')).toBe('one: sees 5');
      expect(seenBy('none')).toBe('none: sees ');
    });
    addPod('late', tell, asks(1));
    await soon(() => expect(statusOf('late').conditions?.[0]?.message).toContain('1 Insufficient nvidia.com/gpu'));
    cluster.delete(refOf('two'));
    await soon(() => expect(seenBy('late')).toBe('late: sees 0'));
  });
});
