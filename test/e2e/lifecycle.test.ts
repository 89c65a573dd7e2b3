import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { efficientNetLite0, type ImageClassifier } from '../support/resnet-model.ts';
import { storageEndpoint } from './manifests.ts';
import { images, namespaces, setStage, type Stage } from './stage.ts';

interface Pod {
  metadata: { name: string; uid: string; deletionTimestamp?: string };
  spec: { nodeName?: string };
  status: { phase: string; containerStatuses?: { image: string; restartCount: number }[] };
}

interface LoadCount {
  answers: Record<string, number>;
  failures: Record<string, number>;
}

interface Answer {
  label: string;
  score: number;
}

const { system, team } = namespaces;
const root = join(import.meta.dirname, '..', '..');
const servingPods = (name: string) => `modelyard.dev/deployment=${name}`;

const digit = { file: 'digit-7-1.png', label: '7' };

const digits = (version: string) => ({
  apiVersion: 'modelyard.dev/v1alpha1',
  kind: 'ModelDeployment',
  metadata: { namespace: team, name: 'digits' },
  spec: {
    model: {
      uri: `s3://models/digits/${version}/`,
      storage: { endpoint: storageEndpoint, region: 'us-east-1', credentialsSecretRef: { name: 'models-s3' } },
      task: 'ImageClassification',
    },
    replicas: 2,
    resources: { requests: { cpu: '50m', memory: '128Mi' } },
  },
});

/** The digit classifier, and the same one with other labels, which is how an answer tells which of them gave it. */
async function digitModels(folder: string): Promise<Record<string, string>> {
  const model = join(root, 'examples', 'digits', 'model');
  const changed = join(folder, 'digits-v2');
  await cp(model, changed, { recursive: true });
  const config = JSON.parse(await readFile(join(model, 'config.json'), 'utf8')) as { id2label: Record<string, string> };
  const id2label = Object.fromEntries(Object.entries(config.id2label).map(([id, label]) => [id, `new ${label}`]));
  await writeFile(join(changed, 'config.json'), JSON.stringify({ id2label }));
  return { 'digits-v1': model, 'digits-v2': changed, 'digits-images': join(root, 'examples', 'digits', 'images') };
}

let stage: Stage;
let classifier: ImageClassifier;
let stop: (() => Promise<void>) | undefined;

beforeAll(async () => {
  classifier = await efficientNetLite0();
  const folder = await mkdtemp(join(tmpdir(), 'modelyard-digits-'));
  try {
    stage = await setStage({
      ...(await digitModels(folder)),
      efficientnet: classifier.folder,
      images: join(classifier.folder, '..', 'images'),
    });
    stop = () => stage.stop();
  } finally {
    await rm(folder, { recursive: true });
  }
  await stage.call('upload.ts', storageEndpoint, 'models', 'efficientnet-lite0/', '/data/efficientnet');
  await stage.install('v1');
}, 3_600_000);

afterAll(async () => {
  await stop?.();
}, 60_000);

const kubectl = (...args: string[]) => stage.cluster.kubectl(args);
const inTeam = (...args: string[]) => kubectl('--namespace', team, ...args);

async function pods(name: string): Promise<Pod[]> {
  const all = await stage.get<Pod>(team, 'pods', servingPods(name));
  return all.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}

/** What tells one run of a pod's container from another. */
const runs = (all: Pod[]) =>
  all.map(({ metadata, status }) => [metadata.uid, status.containerStatuses?.[0]?.restartCount]).sort();

const leader = async () => {
  const holder = await kubectl(
    'get',
    'lease',
    '--namespace',
    system,
    '--output',
    'jsonpath={.items[0].spec.holderIdentity}',
  );
  return holder.split('_')[0] ?? '';
};

describe('a model on a cluster, from install to uninstall', () => {
  test('helm test passes with two operators of which one leads', async () => {
    const operators = await stage.get<Pod>(system, 'pods', 'app.kubernetes.io/name=modelyard-operator');
    expect(operators).toHaveLength(2);
    expect(operators.map(({ metadata }) => metadata.name)).toContain(await leader());
    await expect(stage.helm(['test', 'modelyard', '--namespace', system, '--timeout', '2m'])).resolves.toContain(
      'Succeeded',
    );
  }, 180_000);

  test('an example that is applied becomes Ready and answers rightly over REST and gRPC from another pod', async () => {
    const example = await readFile(join(root, 'examples', 'efficientnet-s3.yaml'), 'utf8');
    await stage.cluster.kubectl(['apply', '--namespace', team, '--filename', '-'], example);
    await inTeam('wait', '--for=condition=Ready', '--timeout=180s', 'modeldeployment/efficientnet');
    for (const { file, label } of classifier.images) {
      const printed = await stage.call(
        'classify.ts',
        `efficientnet.${team}.svc`,
        'efficientnet',
        file.replace(/.*\//, '/data/images/'),
      );
      const { rest, grpc } = JSON.parse(printed) as { rest: Answer[]; grpc: Answer[] };
      expect(rest).toHaveLength(5);
      expect(rest[0]?.label).toBe(label);
      expect(grpc.map((answer) => answer.label)).toEqual(rest.map((answer) => answer.label));
      for (const [index, { score }] of grpc.entries()) expect(score).toBeCloseTo(rest[index]?.score ?? NaN, 5);
    }
  }, 240_000);

  test('kubectl get shows what a person asks for first', async () => {
    const [head = '', row = ''] = (await inTeam('get', 'md', '--output', 'wide')).split('\n');
    expect(head.split(/\s+/).filter(Boolean)).toEqual([
      'NAME',
      'READY',
      'REPLICAS',
      'MODEL',
      'URL',
      'AGE',
      'TASK',
      'REVISION',
      'REASON',
    ]);
    expect(row).toMatch(
      /^efficientnet +True +2 +s3:\/\/models\/efficientnet-lite0\/ +http:\/\/efficientnet\.team-a\.svc +\S+ +ImageClassification +\S+ +\S+/,
    );
  });

  test('kubectl scale moves the number of pods both ways', async () => {
    for (const replicas of [3, 1]) {
      await inTeam('scale', 'modeldeployment/efficientnet', `--replicas=${replicas}`);
      await inTeam(
        'wait',
        `--for=jsonpath={.status.readyReplicas}=${replicas}`,
        '--timeout=120s',
        'modeldeployment/efficientnet',
      );
      await eventually(async () => expect(await pods('efficientnet')).toHaveLength(replicas), 120_000);
    }
  }, 300_000);

  test('a missing accelerator is named, and a node that gains one gets the pod', async () => {
    await inTeam('wait', '--for=condition=Ready', '--timeout=60s', 'modeldeployment/efficientnet');
    await stage.apply({
      apiVersion: 'modelyard.dev/v1alpha1',
      kind: 'ModelDeployment',
      metadata: { namespace: team, name: 'accelerated' },
      spec: {
        model: { uri: 'https://models.example.com/model.onnx' },
        accelerator: { resource: 'nvidia.com/gpu', count: 1 },
      },
    });
    await eventually(async () => {
      const message = await inTeam(
        'get',
        'md',
        'accelerated',
        '--output',
        'jsonpath={.status.conditions[?(@.type=="Ready")].message}',
      );
      expect(message).toContain('nvidia.com/gpu');
    }, 60_000);
    const node = (await kubectl('get', 'nodes', '--output', 'jsonpath={.items[0].metadata.name}')).trim();
    const patch = [{ op: 'add', path: '/status/capacity/nvidia.com~1gpu', value: '1' }];
    await kubectl('patch', 'node', node, '--subresource=status', '--type=json', '--patch', JSON.stringify(patch));
    await eventually(async () => expect((await pods('accelerated'))[0]?.spec.nodeName).toBe(node), 120_000);
    await inTeam('delete', 'md', 'accelerated', '--wait');
  }, 240_000);

  test('a changed model rolls out without one failed request of ten thousand', async () => {
    for (const version of ['v1', 'v2'])
      await stage.call('upload.ts', storageEndpoint, 'models', `digits/${version}/`, `/data/digits-${version}`);
    await stage.apply(digits('v1'));
    await inTeam('wait', '--for=condition=Ready', '--timeout=120s', 'modeldeployment/digits');
    const load = stage.call('load.ts', `digits.${team}.svc`, 'digits', `/data/digits-images/${digit.file}`, '3');
    const requests = async () => Number(await stage.read('/tmp/progress'));
    await eventually(async () => expect(await requests()).toBeGreaterThan(2_000), 240_000, 2_000);
    const rollouts = (await inTeam('get', 'md', 'digits', '--output', 'jsonpath={.status.revision}')).trim();
    await stage.apply(digits('v2'));
    await eventually(async () => {
      expect(await inTeam('get', 'md', 'digits', '--output', 'jsonpath={.status.revision}')).not.toBe(rollouts);
      expect(
        await inTeam('get', 'md', 'digits', '--output', 'jsonpath={.status.conditions[?(@.type=="Ready")].status}'),
      ).toBe('True');
      expect(await pods('digits')).toHaveLength(2);
    }, 180_000);
    const atRollout = await requests();
    await eventually(
      async () => expect(await requests()).toBeGreaterThan(Math.max(10_000, atRollout + 1_000)),
      360_000,
      2_000,
    );
    await stage.write('/tmp/stop', '');
    const counts = JSON.parse(await load) as Record<'http' | 'grpc', LoadCount> & { seconds: number };
    for (const { answers, failures } of [counts.http, counts.grpc]) {
      expect(failures).toEqual({});
      expect(Object.keys(answers).sort()).toEqual([digit.label, `new ${digit.label}`].sort());
    }
    const sum = [counts.http, counts.grpc].flatMap(({ answers }) => Object.values(answers)).reduce((a, b) => a + b, 0);
    expect(sum).toBeGreaterThanOrEqual(10_000);
  }, 900_000);

  test('a leader that is killed is replaced, and its work goes on', async () => {
    const killed = await leader();
    await kubectl('delete', 'pod', '--namespace', system, killed, '--grace-period=0', '--force');
    await eventually(async () => expect([killed, '']).not.toContain(await leader()), 60_000);
    await inTeam('scale', 'modeldeployment/efficientnet', '--replicas=2');
    await inTeam('wait', '--for=jsonpath={.status.readyReplicas}=2', '--timeout=120s', 'modeldeployment/efficientnet');
    await kubectl('rollout', 'status', '--namespace', system, 'deployment/modelyard', '--timeout=120s');
  }, 300_000);

  test('a helm upgrade to another operator image restarts no pod that serves', async () => {
    const before = runs(await pods('efficientnet'));
    await stage.install('v2');
    const operators = await stage.get<Pod>(system, 'pods', 'app.kubernetes.io/name=modelyard-operator');
    const current = operators.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    expect(new Set(current.flatMap(({ status }) => status.containerStatuses?.map(({ image }) => image)))).toEqual(
      new Set([`${images.operator}:v2`]),
    );
    // Work that only the new operator can have done shows that it has looked at the model.
    await inTeam('annotate', 'md', 'efficientnet', 'example.com/touched=true');
    await inTeam('scale', 'modeldeployment/efficientnet', '--replicas=3');
    await inTeam('wait', '--for=jsonpath={.status.readyReplicas}=3', '--timeout=120s', 'modeldeployment/efficientnet');
    const after = runs(await pods('efficientnet'));
    for (const run of before) expect(after).toContainEqual(run);
  }, 300_000);

  test('helm uninstall keeps the CRDs, the models and their pods, and a new install takes them over', async () => {
    const before = runs(await pods('efficientnet'));
    await stage.helm(['uninstall', 'modelyard', '--namespace', system, '--wait']);
    await expect(kubectl('get', 'crd', 'modeldeployments.modelyard.dev', '--output', 'name')).resolves.toContain(
      'modeldeployments',
    );
    expect(runs(await pods('efficientnet'))).toEqual(before);
    await stage.install('v2');
    await inTeam('scale', 'modeldeployment/efficientnet', '--replicas=2');
    await eventually(async () => expect(await pods('efficientnet')).toHaveLength(2), 120_000);
    for (const run of runs(await pods('efficientnet'))) expect(before).toContainEqual(run);
  }, 300_000);

  test('no pod was refused by the restricted standard', async () => {
    const events = await stage.get<{ message?: string }>(team, 'events');
    expect(events.filter(({ message }) => message?.includes('PodSecurity'))).toEqual([]);
    expect(await kubectl('get', 'namespace', team, '--output', 'jsonpath={.metadata.labels}')).toContain('restricted');
  });

  test('kubectl delete leaves nothing behind', async () => {
    await inTeam('delete', 'modeldeployment', '--all', '--wait', '--timeout=60s');
    const kinds =
      'deployments,replicasets,pods,services,poddisruptionbudgets,networkpolicies,configmaps,serviceaccounts,endpointslices';
    await eventually(async () => {
      const left = (await inTeam('get', kinds, '--output', 'name')).split('\n').filter((name) => name !== '');
      expect(left.sort()).toEqual(['configmap/kube-root-ca.crt', 'serviceaccount/default']);
    }, 120_000);
  }, 240_000);
});
