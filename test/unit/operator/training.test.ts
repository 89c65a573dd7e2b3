/** The whole operator over a cluster in memory: a job trains, ends, is served, and goes. The test plays nodes and pods. */
import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, test } from '@jest/globals';
import { crdAdmission } from '../../../cli/local/admission.ts';
import { LocalCluster } from '../../../cli/local/cluster.ts';
import { createLog } from '../../../lib/log.ts';
import { readConfig } from '../../../operator/config.ts';
import type { KubeClient } from '../../../operator/kube/client.ts';
import type { Clock } from '../../../operator/kube/clock.ts';
import { refOf, type KubeObject } from '../../../operator/kube/object.ts';
import { createOperator } from '../../../operator/operator.ts';
import type { TrainingReport } from '../../../runtime/training-contract.ts';
import { eventually } from '../../support/eventually.ts';
import { RecordingClient } from '../../support/recording-client.ts';
import { progress } from '../../support/training-states.ts';
import { reportOf, smallSpec } from '../../support/training-world.ts';

const namespace = 'team-a';
const apiVersion = 'modelyard.dev/v1alpha1';
const podKind = { apiVersion: 'v1', kind: 'Pod' };
const jobRef = { apiVersion, kind: 'TrainingJob', name: 'digits', namespace };

/** Time that flies: five seconds of the operator are a tenth of one here. */
function fastClock(factor = 50): Clock {
  const begun = Date.parse('2026-11-24T10:00:00Z');
  const zero = performance.now();
  const monotonicMs = (): number => (performance.now() - zero) * factor;
  return {
    now: () => new Date(begun + monotonicMs()),
    monotonicMs,
    after: (ms, callback) => {
      const timer = setTimeout(callback, ms / factor);
      return () => clearTimeout(timer);
    },
    random: () => 0.5,
  };
}

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

interface Told {
  phase?: string;
  trained?: { job?: string };
  output?: { accepted?: boolean };
  workers?: Record<string, number>;
  conditions?: { type: string; status: string; reason: string }[];
}

function world() {
  const clock = fastClock();
  const cluster = new LocalCluster({ now: () => clock.now(), uid: randomUUID, admission: crdAdmission });
  const reports = new Map<string, TrainingReport>();
  const recorder = new RecordingClient(cluster.client('modelyard'));
  const user: KubeClient = cluster.client('user');
  const addresses = new Map<string, string>();

  /** Starts an operator; the function ends it. */
  const start = (): (() => Promise<void>) => {
    const stop = new AbortController();
    const args = ['--runtime-image=registry.test/runtime:1', '--leader-election=false', '--admin-port=0'];
    const running = createOperator({
      client: recorder.client,
      config: readConfig(args, {}, 'host-1'),
      fetchReport: (url) => {
        const name = addresses.get(new URL(url instanceof Request ? url.url : url).hostname) ?? '';
        const report = reports.get(name);
        return Promise.resolve(new Response(report === undefined ? '' : JSON.stringify(report)));
      },
      log: createLog('test', 'silent'),
      clock,
    }).run(stop.signal);
    const end = async (): Promise<void> => {
      stop.abort();
      await running;
    };
    stops.push(end);
    return end;
  };

  const pods = (): string[] =>
    cluster
      .all(podKind, namespace)
      .map(({ metadata }) => metadata.name)
      .sort();

  /** Nodes take every pod, and all of them get to work. */
  const settle = (): void => {
    for (const pod of cluster.all(podKind, namespace)) {
      if ((pod.status as { phase?: string } | undefined)?.phase === 'Running') continue;
      const ip = `10.0.0.${addresses.size + 1}`;
      addresses.set(ip, pod.metadata.name);
      cluster.writeStatus(refOf(pod), {
        phase: 'Running',
        podIP: ip,
        conditions: [{ type: 'Ready', status: 'True' }],
        containerStatuses: [{ name: 'runtime', restartCount: 0, ready: true, state: { running: {} } }],
      });
    }
  };

  const apply = (kind: string, name: string, spec: object): Promise<KubeObject> =>
    user.apply({ apiVersion, kind, metadata: { name, namespace }, spec });
  const told = (kind = 'TrainingJob', name = 'digits'): Told =>
    cluster.get({ apiVersion, kind, name, namespace }).status ?? {};
  const say = (report: Partial<TrainingReport>): void => void reports.set('digits-ps-0', reportOf('ps-0', report));
  const writes = (): string[] => recorder.take().map(({ verb, ref }) => `${verb} ${ref.kind}/${ref.name}`);
  return { apply, cluster, pods, say, settle, start, told, user, writes };
}

const soon = (assertion: () => void): Promise<void> => eventually(assertion, 20_000, 5);
const spec = { ...smallSpec, workers: { replicas: 2 } };

const outcome = (accuracy: number) => ({
  succeeded: true,
  reason: 'Trained',
  message: 'done',
  output: {
    uri: 's3://models/digits/v1',
    digest: `sha256:${'a'.repeat(64)}`,
    specHash: `sha256:${'b'.repeat(64)}`,
    dataDigest: `sha256:${'c'.repeat(64)}`,
    steps: 10,
    completedAtMs: Date.parse('2026-11-24T09:59:58Z'),
    testMetrics: { accuracy },
  },
});

/** A job that was trained to the end. */
async function trained(parts: ReturnType<typeof world>, more: object = {}): Promise<void> {
  await parts.apply('TrainingJob', 'digits', { ...spec, ...more });
  await soon(() => expect(parts.pods()).toHaveLength(3));
  parts.settle();
  parts.say({ phase: 'Succeeded', job: progress, outcome: outcome(0.9) });
  await soon(() => expect(parts.told().phase).toBe('Succeeded'));
}

describe('a TrainingJob', () => {
  test('is told of truthfully from its first pod to its last', async () => {
    const parts = world();
    const { apply, cluster, pods, say, settle, start, told } = parts;
    start();
    await apply('TrainingJob', 'digits', spec);
    await soon(() => expect(pods()).toEqual(['digits-ps-0', 'digits-worker-0', 'digits-worker-1']));
    await soon(() => expect(told().phase).toBe('Starting'));
    say({ phase: 'Running', job: progress });
    settle();
    await soon(() => expect(told()).toMatchObject({ phase: 'Running', step: 10, workers: { ready: 2 } }));

    cluster.delete({ ...podKind, name: 'digits-worker-1', namespace });
    await soon(() => expect(pods()).toHaveLength(3));
    settle();
    await soon(() => expect(told().workers).toMatchObject({ ready: 2, evictions: 1, restarts: 0 }));

    say({ phase: 'Succeeded', job: progress, outcome: outcome(0.9) });
    await soon(() => expect(told()).toMatchObject({ phase: 'Succeeded', output: { accepted: true } }));
    await soon(() => expect(pods()).toEqual([]));
  });

  test('is suspended, resized and resumed', async () => {
    const { apply, pods, say, settle, start, told } = world();
    start();
    await apply('TrainingJob', 'digits', spec);
    await soon(() => expect(pods()).toHaveLength(3));
    say({ phase: 'Running', job: progress });
    settle();
    await soon(() => expect(told().phase).toBe('Running'));
    await apply('TrainingJob', 'digits', { ...spec, runPolicy: { suspend: true } });
    await soon(() => expect([told().phase, pods()]).toEqual(['Suspended', []]));
    await apply('TrainingJob', 'digits', { ...spec, workers: { replicas: 3 } });
    await soon(() => expect(pods()).toHaveLength(4));
    settle();
    await soon(() => expect(told()).toMatchObject({ phase: 'Running', workers: { ready: 3, evictions: 0 } }));
  });

  test('that is suspended says what it will go on from, although server 0 says so as it goes', async () => {
    const { apply, cluster, pods, say, settle, start, told } = world();
    start();
    await apply('TrainingJob', 'digits', spec);
    await soon(() => expect(pods()).toHaveLength(3));
    say({ phase: 'Running', job: progress });
    settle();
    await soon(() => expect(told().phase).toBe('Running'));
    const server = { ...podKind, name: 'digits-ps-0', namespace };
    const held = cluster.get(server);
    cluster.update({ ...held, metadata: { ...held.metadata, finalizers: ['test.dev/held'] } });
    await apply('TrainingJob', 'digits', { ...spec, runPolicy: { suspend: true } });
    await soon(() => expect(cluster.get(server).metadata.deletionTimestamp).toBeDefined());
    const terminated = { exitCode: 0, message: '{"step":12,"checkpointStep":12}' };
    const containerStatuses = [{ name: 'runtime', restartCount: 0, ready: false, state: { terminated } }];
    // All in one moment, as a kubelet does.
    cluster.writeStatus(server, { ...(cluster.get(server).status as object), containerStatuses });
    const leaving = cluster.get(server);
    cluster.update({ ...leaving, metadata: { ...leaving.metadata, finalizers: [] } });
    cluster.purge(server);
    await soon(() => expect(told()).toMatchObject({ phase: 'Suspended', step: 12, checkpointStep: 12 }));
    await apply('TrainingJob', 'digits', spec);
    await soon(() => expect(pods()).toHaveLength(3));
    say({ phase: 'Running', job: { ...progress, step: 11, checkpointStep: 8 } });
    settle();
    // It knows better: the newest checkpoint may have been damaged.
    await soon(() => expect(told()).toMatchObject({ phase: 'Running', step: 11, checkpointStep: 8 }));
  });

  test('that is over makes nothing any more, whatever is deleted, by this operator and by the next', async () => {
    const parts = world();
    const { cluster, pods, start, told, writes } = parts;
    const end = start();
    await trained(parts);
    await soon(() => expect([pods(), told().workers?.ready]).toEqual([[], 0]));
    for (const kind of ['ConfigMap', 'Service', 'ServiceAccount']) {
      for (const object of cluster.all({ apiVersion: 'v1', kind }, namespace)) cluster.delete(refOf(object));
    }
    await end();
    writes();
    start();
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect([pods(), told().phase, writes()]).toEqual([[], 'Succeeded', []]);
    expect(cluster.all({ apiVersion: 'v1', kind: 'ConfigMap' }, namespace)).toEqual([]);
  });

  test('goes when its time is up, with all that it owns', async () => {
    const parts = world();
    const { cluster, start } = parts;
    start();
    await trained(parts, { runPolicy: { ttlSecondsAfterFinished: 0 } });
    await soon(() => expect(cluster.all({ apiVersion, kind: 'TrainingJob' })).toEqual([]));
    await soon(() => expect(cluster.all({ apiVersion: 'v1', kind: 'ConfigMap' }, namespace)).toEqual([]));
  });

  test('whose name is used again waits for what the earlier one left', async () => {
    const { apply, cluster, pods, start } = world();
    start();
    await apply('TrainingJob', 'digits', spec);
    await soon(() => expect(pods()).toHaveLength(3));
    const [first] = cluster.all(podKind, namespace);
    if (first === undefined) throw new Error('there is no pod');
    cluster.update({ ...first, metadata: { ...first.metadata, finalizers: ['test.dev/held'] } });
    cluster.delete(jobRef);
    await soon(() => expect(pods()).toEqual([first.metadata.name]));
    await apply('TrainingJob', 'digits', spec);
    await soon(() => expect(pods()).toHaveLength(3));
    const held = cluster.get(refOf(first));
    cluster.update({ ...held, metadata: { ...held.metadata, finalizers: [] } });
    cluster.purge(refOf(held));
    await soon(() => {
      const owners = cluster.all(podKind, namespace).map(({ metadata }) => metadata.ownerReferences?.[0]?.uid);
      expect([owners.length, new Set(owners).size]).toEqual([3, 1]);
    });
  });
});

describe('a ModelDeployment of a lineage', () => {
  const uriOf = (cluster: LocalCluster): string | undefined => {
    const [deployment] = cluster.all({ apiVersion: 'apps/v1', kind: 'Deployment' }, namespace);
    return /"MODELYARD_MODEL_URI","value":"([^"]*)"/.exec(JSON.stringify(deployment ?? {}))?.[1];
  };

  test('serves what a job made as soon as it is over, and goes on when the job is gone', async () => {
    const parts = world();
    const { apply, cluster, start, told } = parts;
    start();
    await apply('ModelDeployment', 'serving', { model: { trained: { name: 'digits' } } });
    const ready = () => told('ModelDeployment', 'serving').conditions?.find(({ type }) => type === 'Ready')?.reason;
    await soon(() => expect(ready()).toBe('NoTrainedVersion'));
    await trained(parts);
    await soon(() => expect(uriOf(cluster)).toBe('s3://models/digits/v1'));
    await soon(() => expect(told('ModelDeployment', 'serving').trained).toMatchObject({ job: 'digits' }));
    cluster.delete(jobRef);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(uriOf(cluster)).toBe('s3://models/digits/v1');
    expect(told('ModelDeployment', 'serving').trained).toMatchObject({ job: 'digits' });
  });

  test('serves nothing that is not accepted, and does once the bar is lowered', async () => {
    const parts = world();
    const { apply, cluster, start, told } = parts;
    start();
    await apply('ModelDeployment', 'serving', { model: { trained: { name: 'digits' } } });
    await trained(parts, { acceptance: { metric: 'accuracy', atLeast: 0.95 } });
    await soon(() => expect(told().output).toMatchObject({ accepted: false }));
    expect(uriOf(cluster)).toBeUndefined();
    await apply('TrainingJob', 'digits', { ...spec, acceptance: { metric: 'accuracy', atLeast: 0.85 } });
    await soon(() => expect(uriOf(cluster)).toBe('s3://models/digits/v1'));
  });
});
