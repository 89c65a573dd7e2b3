import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { remove, scale, setSuspended } from '../../cli/commands/change.ts';
import { get } from '../../cli/commands/get.ts';
import { logs } from '../../cli/commands/logs.ts';
import { predict } from '../../cli/commands/predict.ts';
import { crdAdmission } from '../../cli/local/admission.ts';
import { LocalCluster } from '../../cli/local/cluster.ts';
import { Control } from '../../cli/local/control.ts';
import { logSource, PodLogs } from '../../cli/local/pod-logs.ts';
import { sessionFile } from '../../cli/session-client.ts';
import type { Terminal } from '../../cli/terminal.ts';
import type { KubeClient } from '../../operator/kube/client.ts';
import { type KubeObject, refOf } from '../../operator/kube/object.ts';
import { labels } from '../../operator/core/metadata.ts';
import { eventually } from '../support/eventually.ts';
import { scriptedTerminal } from '../support/terminal.ts';

const apiVersion = 'modelyard.dev/v1alpha1';
const metadata = (name: string) => ({ name, namespace: 'default' });
const deployment = (name: string): KubeObject => ({
  apiVersion,
  kind: 'ModelDeployment',
  metadata: metadata(name),
  spec: { model: { uri: 'pvc://models/digits/' } },
});
const languages = (...names: string[]): KubeObject => ({
  ...deployment('languages'),
  spec: { models: names.map((name) => ({ name, uri: `pvc://models/${name}/` })) },
});
const job = (name: string): KubeObject => ({
  apiVersion,
  kind: 'TrainingJob',
  metadata: metadata(name),
  spec: {
    train: {
      model: { mlp: { hidden: [8] } },
      data: { uri: 'pvc://data/digits.csv', label: 'digit' },
      loss: 'CrossEntropy',
    },
    output: { uri: 'pvc://models/', modelName: name },
  },
});

/** In place of a Service: answers every request with one number. */
const front = {
  server: createServer((incoming, response) => {
    front.asked.push(incoming.url ?? '');
    incoming.resume();
    response.end(JSON.stringify({ outputs: [{ name: 'y', datatype: 'FP32', shape: [1], data: [7] }] }));
  }),
  address: '',
  asked: [] as string[],
};

beforeAll(async () => {
  await once(front.server.listen(0, '127.0.0.1'), 'listening');
  front.address = `127.0.0.1:${(front.server.address() as AddressInfo).port}`;
});

afterAll(() => {
  front.server.closeAllConnections();
  front.server.close();
});

let folder: string;
let cluster: LocalCluster;
let podLogs: PodLogs;
let control: Control;
let terminal: Terminal & { printed: string[] };

/** What a pod of this object writes. */
function write(owner: KubeObject, pod: string, ...texts: string[]): void {
  const label = owner.kind === 'TrainingJob' ? labels.job : labels.deployment;
  const own = { [label]: owner.metadata.name };
  const source = logSource({ apiVersion: 'v1', kind: 'Pod', metadata: { ...metadata(pod), labels: own } });
  for (const text of texts) podLogs.add({ ...source, text });
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modelyard-commands-'));
  let uids = 0;
  const now = (): Date => new Date('2026-11-24T12:00:00Z');
  cluster = new LocalCluster({ now, uid: () => `uid-${++uids}`, admission: crdAdmission });
  podLogs = new PodLogs(3);
  const inner = cluster.client('modelyard-cli');
  let step = 0;
  const client: KubeClient = {
    ...inner,
    // Jobs come along while a command thinks.
    list: async (kind, options) => {
      const page = await inner.list(kind, options);
      for (const item of page.items)
        if (item.kind === 'TrainingJob') cluster.writeStatus(refOf(item), { step: ++step });
      return page;
    },
  };
  control = new Control({
    client,
    logs: podLogs,
    apply: (object) => client.apply(object),
    endpoint: () => Promise.resolve({ http: front.address, grpc: front.address }),
  });
  const socket = join(folder, 'session.sock');
  await control.listen(socket);
  await writeFile(sessionFile(folder), JSON.stringify({ pid: process.pid, socket }));
  terminal = scriptedTerminal('', folder);
});

afterEach(async () => {
  control.close();
  await rm(folder, { recursive: true, force: true });
});

const inDefault = { namespace: 'default' };
const specOf = (name: string) =>
  cluster.get({ apiVersion, kind: 'TrainingJob', ...metadata(name) }).spec as {
    workers: object;
    runPolicy: object;
  };

describe('get', () => {
  test('prints one table for each kind that it is asked for', async () => {
    cluster.add(deployment('digits'));
    cluster.add(job('digits'));
    await get(terminal, 'md,tj', undefined, { ...inDefault, output: 'table' });
    const [text = ''] = terminal.printed;
    expect(text.split('\n\n').map((table) => table.split('\n')[0])).toEqual([
      expect.stringMatching(/^NAME +READY/),
      expect.stringMatching(/^NAME +PHASE +PS +WORKERS +STEP +LOSS +PROGRESS +AGE$/),
    ]);
  });

  test('names what there is where a name is unknown', async () => {
    cluster.add(job('digits'));
    await expect(get(terminal, 'tj', 'digit', { ...inDefault, output: 'table' })).rejects.toThrow(
      'no TrainingJob "digit" in namespace default; there is digits',
    );
  });
});

describe('predict', () => {
  const input = '[{"name":"x","datatype":"FP32","shape":[1],"data":[1]}]';

  test("asks the model that has the deployment's name, the one that is named, or the only one of a list", async () => {
    front.asked.length = 0;
    cluster.add(deployment('digits'));
    await predict(terminal, 'digits', { ...inDefault, input });
    cluster.add(languages('english', 'german'));
    await predict(terminal, 'languages', { ...inDefault, input, model: 'german' });
    await predict(terminal, 'elsewhere', { ...inDefault, input, model: 'dutch', url: `http://${front.address}` });
    cluster.update({ ...cluster.get(refOf(languages())), spec: languages('english').spec });
    await predict(terminal, 'languages', { ...inDefault, input });
    const asked = ['digits', 'german', 'dutch', 'english'].map((name) => `/v2/models/${name}/infer`);
    expect(front.asked).toEqual(asked);
    expect(terminal.printed).toEqual(asked.map(() => 'y FP32 [1]: 7'));
  });

  test('names the models of a deployment where none of several is named', async () => {
    cluster.add(languages('english', 'german'));
    await expect(predict(terminal, 'languages', { ...inDefault, input })).rejects.toThrow(
      'languages serves several models; name one of them with --model: english, german',
    );
  });
});

describe('scale, suspend and resume', () => {
  test('change the workers and the run policy of a job, whatever became of its status meanwhile', async () => {
    cluster.add(job('digits'));
    await scale(terminal, 'digits', '5', 'default');
    await setSuspended(terminal, 'tj/digits', true, 'default');
    expect(specOf('digits')).toMatchObject({ workers: { replicas: 5 }, runPolicy: { suspend: true, backoffLimit: 6 } });
    await setSuspended(terminal, 'digits', false, 'default');
    expect(specOf('digits').runPolicy).toMatchObject({ suspend: false });
    expect(terminal.printed).toEqual([
      'TrainingJob digits scaled to 5 workers',
      'TrainingJob digits suspended',
      'TrainingJob digits resumed',
    ]);
  });

  test('ask which one is meant where a name names a job and a deployment', async () => {
    cluster.add(deployment('digits'));
    cluster.add(job('digits'));
    await expect(scale(terminal, 'digits', '2', 'default')).rejects.toThrow(
      '"digits" names several objects; say modeldeployment/digits or trainingjob/digits',
    );
    await scale(terminal, 'md/digits', '2', 'default');
    expect(terminal.printed).toEqual(['ModelDeployment digits scaled to 2']);
  });

  test.each([
    ['other', 'no TrainingJob "other" in namespace default; see: modelyard get trainingjobs'],
    ['md/digits', 'md/digits: name a TrainingJob'],
    ['gadget/digits', 'unknown kind "gadget"'],
  ])('suspend refuses %s by its name', async (target, message) => {
    cluster.add(deployment('digits'));
    await expect(setSuspended(terminal, target, true, 'default')).rejects.toThrow(message);
  });
});

test('delete removes the object of that kind, and refuses a name that nothing has', async () => {
  cluster.add(deployment('digits'));
  cluster.add(job('digits'));
  await remove(terminal, 'tj', 'digits', 'default');
  expect(cluster.all({ apiVersion, kind: 'TrainingJob' })).toEqual([]);
  expect(cluster.all({ apiVersion, kind: 'ModelDeployment' })).toHaveLength(1);
  await expect(remove(terminal, 'tj', 'digits', 'default')).rejects.toThrow('no TrainingJob "digits"');
});

describe('logs', () => {
  const read = async (target: string): Promise<string> => {
    terminal.printed.length = 0;
    await logs(terminal, target, inDefault);
    return terminal.printed.join('');
  };

  test('of a job are the lines of all its pods in their order, each after its pod, and none of a deployment', async () => {
    const [trained, served] = [cluster.add(job('digits')), cluster.add(deployment('digits'))];
    write(trained, 'digits-ps-0', 'a');
    write(served, 'digits-serving-1', 'b');
    write(trained, 'digits-worker-1', 'c');
    write(trained, 'digits-ps-0', 'd');
    expect(await read('tj/digits')).toBe('digits-ps-0 | a\ndigits-worker-1 | c\ndigits-ps-0 | d\n');
    expect(await read('md/digits')).toBe('digits-serving-1 | b\n');
    expect(await read('digits')).toBe('digits-ps-0 | a\ndigits-serving-1 | b\ndigits-worker-1 | c\ndigits-ps-0 | d\n');
  });

  test('of one pod are its lines as they are', async () => {
    write(job('digits'), 'digits-ps-0', 'a', 'b');
    write(job('digits'), 'digits-ps-1', 'c');
    expect(await read('digits-ps-0')).toBe('a\nb\n');
  });

  test('keep the newest lines of each object', async () => {
    write(job('digits'), 'digits-ps-0', 'a', 'b', 'c', 'd');
    write(deployment('other'), 'other-serving-1', 'x');
    expect(await read('digits-ps-0')).toBe('b\nc\nd\n');
    expect(await read('other')).toBe('other-serving-1 | x\n');
  });

  test('are empty for an object that wrote nothing, and an error for a name that nothing has', async () => {
    cluster.add(job('digits'));
    expect(await read('digits')).toBe('');
    await expect(read('digit')).rejects.toThrow(
      'no ModelDeployment, TrainingJob, or Pod "digit" in namespace default; there is trainingjob/digits',
    );
    await expect(read('md/digits')).rejects.toThrow('no ModelDeployment "digits"');
    await expect(read('secret/digits')).rejects.toThrow('only ModelDeployment, TrainingJob, or Pod have logs');
  });

  test('follow until the person stops it', async () => {
    const stop = new AbortController();
    const trained = cluster.add(job('digits'));
    write(trained, 'digits-ps-0', 'a');
    const reading = logs({ ...terminal, stop: stop.signal }, 'digits', { ...inDefault, follow: true });
    await eventually(() => expect(terminal.printed.join('')).toBe('digits-ps-0 | a\n'), 5_000, 10);
    write(deployment('other'), 'other-serving-1', 'x');
    write(trained, 'digits-ps-0', 'b');
    await eventually(() => expect(terminal.printed.join('')).toBe('digits-ps-0 | a\ndigits-ps-0 | b\n'), 5_000, 10);
    stop.abort();
    await reading;
  });
});
