import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import type { KubeObject } from '../operator/kube/object.ts';
import { startCluster, type Cluster } from '../test/cluster/cluster.ts';
import { installCrds } from '../test/cluster/fixtures.ts';
import { eventually } from '../test/support/eventually.ts';
import { cacheFolder } from './cache.ts';
import type { Row } from './main.ts';

const namespace = 'bench';
const servers = 10;
const workers = 990;
const raised = { qps: 1_000, burst: 2_000 };
/** What kube-controller-manager has where nobody says otherwise. */
const managerDefaults = { qps: 20, burst: 30 };

interface Contender {
  name: string;
  managerLimits?: { qps: number; burst: number };
  /** Makes the cluster and the contender ready; the answer asks for the job and says when it did, in milliseconds since the epoch. */
  prepare(cluster: Cluster, start: Start): Promise<() => Promise<number>>;
}

/** Starts a process that ends with the contender's turn. */
type Start = (command: string, args: readonly string[], environment?: Record<string, string>) => ChildProcess;

const container = { name: 'tensorflow', image: 'example.invalid/training:v1', command: ['train'] };

const trainingJob = {
  apiVersion: 'modelyard.dev/v1alpha1',
  kind: 'TrainingJob',
  metadata: { name: 'wide', namespace },
  spec: {
    train: {
      model: { mlp: { hidden: [64] } },
      data: { uri: 'pvc://data/digits.csv', label: 'digit' },
      loss: 'CrossEntropy',
      batchSize: 1_024,
      gradientShards: 1_024,
    },
    parameterServers: { replicas: servers },
    workers: { replicas: workers },
    output: { uri: 'pvc://models', modelName: 'wide' },
  },
};

const replicas = (count: number): object => ({ replicas: count, template: { spec: { containers: [container] } } });

const tfJob = {
  apiVersion: 'kubeflow.org/v1',
  kind: 'TFJob',
  metadata: { name: 'wide', namespace },
  spec: { tfReplicaSpecs: { PS: replicas(servers), Worker: replicas(workers) } },
};

const indexedJob = (name: string, count: number): object => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name, namespace },
  spec: {
    completionMode: 'Indexed',
    completions: count,
    parallelism: count,
    template: { spec: { restartPolicy: 'OnFailure', containers: [container] } },
  },
});

/** Asks for objects through kubectl, as a person does. */
const apply =
  (cluster: Cluster, ...objects: readonly object[]) =>
  async (): Promise<number> => {
    const text = objects.map((object) => stringify(object)).join('---\n');
    const askedAt = Date.now();
    await cluster.kubectl(['create', '--filename', '-'], text);
    return askedAt;
  };

const trainingOperatorFolder = join(import.meta.dirname, 'peers', 'training-operator');

function go(args: readonly string[]): string {
  const path = `${process.env.PATH ?? ''}:/usr/local/go/bin`;
  return execFileSync('go', args, {
    cwd: trainingOperatorFolder,
    encoding: 'utf8',
    env: { ...process.env, PATH: path },
  }).trim();
}

/** Built once, about five minutes; the result is kept beside the test cluster's binaries. */
function trainingOperator(): string {
  const binary = join(cacheFolder, 'training-operator-v1.8.1');
  if (existsSync(binary)) return binary;
  console.log("Building Kubeflow's Training Operator from Go modules (once, a few minutes)");
  mkdirSync(cacheFolder, { recursive: true });
  go(['build', '-ldflags', '-s -w', '-o', binary, '.']);
  return binary;
}

const kubeflow = (name: string, ...flags: string[]): Contender => ({
  name,
  async prepare(cluster, start) {
    const module = go(['list', '-m', '-f', '{{.Dir}}', 'github.com/kubeflow/training-operator']);
    const crd = join(module, 'manifests', 'base', 'crds', 'kubeflow.org_tfjobs.yaml');
    await cluster.kubectl(['create', '--filename', crd]);
    // kubectl refuses to wait where there are no conditions yet.
    const established = ['wait', '--for=condition=Established', '--timeout=60s', '--filename', crd];
    await eventually(
      async () => {
        await cluster.kubectl(established);
      },
      60_000,
      200,
    );
    start(trainingOperator(), flags, { KUBECONFIG: cluster.kubeconfig });
    return apply(cluster, tfJob);
  },
});

const jobs = (name: string, managerLimits: { qps: number; burst: number }): Contender => ({
  name,
  managerLimits,
  prepare: (cluster) =>
    Promise.resolve(apply(cluster, indexedJob('wide-ps', servers), indexedJob('wide-worker', workers))),
});

const ours: Contender = {
  name: 'Modelyard',
  async prepare(cluster, start) {
    await installCrds(cluster.kubectl);
    start(process.execPath, [
      'operator/main.ts',
      `--kubeconfig=${cluster.kubeconfig}`,
      '--runtime-image=example.invalid/modelyard:v1',
      '--leader-election=false',
      '--admin-port=0',
      '--log-level=error',
    ]);
    return apply(cluster, trainingJob);
  },
};

/** The same pods as ours, posted by 16 clients that do nothing else. */
const floor = (pods: readonly KubeObject[]): Contender => ({
  name: 'floor: 16 plain clients',
  async prepare(cluster, start) {
    const accounts = new Set(pods.map(({ spec }) => (spec as { serviceAccountName: string }).serviceAccountName));
    for (const account of accounts)
      await cluster.kubectl(['create', 'serviceaccount', account, '--namespace', namespace]);
    return async () => {
      const folder = mkdtempSync(join(tmpdir(), 'modelyard-bench-'));
      try {
        const file = join(folder, 'pods.json');
        writeFileSync(file, JSON.stringify(pods));
        const poster = start(process.execPath, ['bench/post-pods.ts', cluster.kubeconfig, file, '16']);
        return Number(await linesOf(poster)());
      } finally {
        rmSync(folder, { recursive: true });
      }
    };
  },
});

/** One line after the other of what a process prints. */
function linesOf(child: ChildProcess): () => Promise<string> {
  if (child.stdout === null) throw new Error('the process has no output to read');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return async () => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error(`${child.spawnargs.join(' ')} ended without an answer`);
    return value;
  };
}

/** What an API server adds to a pod, taken off again. */
function bare(pod: KubeObject): KubeObject {
  const { name, labels, annotations } = pod.metadata;
  const spec = Object.fromEntries(
    Object.entries(pod.spec as Record<string, unknown>).filter(
      ([field]) => !['nodeName', 'serviceAccount'].includes(field),
    ),
  );
  const metadata = { name, namespace, ...(labels && { labels }), ...(annotations && { annotations }) };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec };
}

interface Measured {
  seconds: number;
  pods: KubeObject[];
}

/** From the request for the job to the last pod object, on an API server of the contender's own. */
async function measure(contender: Contender): Promise<Measured> {
  const { name, managerLimits = raised } = contender;
  const cluster = await startCluster({ node: 'none', managerLimits });
  const children: ChildProcess[] = [];
  const log = join(tmpdir(), `modelyard-bench-operator-${process.pid}.log`);
  const output = openSync(log, 'a');
  const start: Start = (command, args, environment = {}) => {
    const child = spawn(command, args, { env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', output] });
    children.push(child);
    return child;
  };
  try {
    await cluster.kubectl(['create', 'namespace', namespace]);
    const ask = await contender.prepare(cluster, start);
    // Caches are filled and leases taken before anybody's clock starts.
    await sleep(8_000);
    const counting = linesOf(
      start(process.execPath, ['bench/count-pods.ts', cluster.kubeconfig, namespace, String(servers + workers)]),
    );
    await counting();
    const askedAt = await ask();
    const seconds = (Number(await counting()) - askedAt) / 1_000;
    const list = await cluster.kubectl(['get', 'pods', '--namespace', namespace, '--output', 'json']);
    console.log(`${name}: ${seconds.toFixed(2)} s`);
    return { seconds, pods: (JSON.parse(list) as { items: KubeObject[] }).items.map(bare) };
  } finally {
    for (const child of children) child.kill('SIGKILL');
    await cluster.stop();
    rmSync(log, { force: true });
  }
}

/**
 * One job of 10 parameter servers and 990 workers, from apply to the last pod object, on an API server without nodes: ours beside the
 * same pods posted by plain clients, beside Kubeflow's Training Operator and beside indexed Jobs, each with its default
 * limits and with limits raised.
 */
export async function operator(): Promise<Row[]> {
  const mine = await measure(ours);
  const contenders = [
    floor(mine.pods),
    kubeflow('Training Operator 1.8.1, defaults'),
    kubeflow(
      'Training Operator 1.8.1, limits raised',
      `--qps=${raised.qps}`,
      `--burst=${raised.burst}`,
      '--controller-threads=10',
    ),
    jobs('indexed Jobs, defaults', managerDefaults),
    jobs('indexed Jobs, limits raised', raised),
  ];
  const rows: Row[] = [];
  for (const contender of contenders) {
    const { seconds } = await measure(contender);
    rows.push({
      what: '1,000 pods of one job',
      unit: 's',
      ours: mine.seconds,
      reference: seconds,
      referenceName: contender.name,
    });
  }
  return rows;
}
