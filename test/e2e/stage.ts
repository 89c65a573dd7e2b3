import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KubeObject } from '../../operator/kube/object.ts';
import { startCluster, type Cluster } from '../cluster/cluster.ts';
import { writeImageArchive, type Image } from '../cluster/image.ts';
import { eventually } from '../support/eventually.ts';
import { runtimeImage } from '../support/runtime-image.ts';
import { chart, helmFor, type Helm } from './helm.ts';
import { callerImage, storageImage } from './images.ts';
import { caller, restrictedNamespace, secret, storageEndpoint, storageServer } from './manifests.ts';

/** The operator's image has the runtime's bits under a tag of its own, so that one can change without the other. */
export const images = {
  operator: 'modelyard.test/operator',
  runtime: 'modelyard.test/runtime:v1',
  storage: 'modelyard.test/storage:v1',
  caller: 'modelyard.test/caller:v1',
} as const;

export const namespaces = { system: 'modelyard-system', storage: 'storage', team: 'team-a' } as const;

/** Pods and Services of a test cluster have private addresses. */
const privateRanges = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'];

export interface Stage {
  cluster: Cluster;
  helm: Helm;
  /** Installs the chart, or upgrades it, with this tag of the operator's image. */
  install(operatorTag: string): Promise<void>;
  /** Applies objects, in order. */
  apply(...objects: KubeObject[]): Promise<void>;
  /** Reads objects of a kind as `kubectl get` names it. */
  get<Type = KubeObject>(namespace: string, kind: string, selector?: string): Promise<Type[]>;
  /** Runs a script of caller/ in a pod of the cluster and returns what it printed. */
  call(script: string, ...args: string[]): Promise<string>;
  /** A file of that pod; empty where there is none. */
  read(path: string): Promise<string>;
  write(path: string, content: string): Promise<void>;
  stop(): Promise<void>;
}

/**
 * A one-node cluster where every namespace enforces `restricted`, with an S3 server whose bucket `models` is empty.
 *
 * @param data folders that scripts of caller/ find below /data
 */
export async function setStage(data: Record<string, string>): Promise<Stage> {
  const cluster = await startCluster({ node: 'containerd' });
  try {
    const helm = await helmFor(cluster.kubeconfig);
    const stage = stageOn(cluster, helm);
    await loadImages(cluster, data);
    await stage.apply(...Object.values(namespaces).map(restrictedNamespace));
    await stage.apply(
      secret(namespaces.team, 'models-s3'),
      ...storageServer(namespaces.storage, images.storage),
      caller(namespaces.storage, images.caller),
    );
    await cluster.kubectl([
      'rollout',
      'status',
      '--namespace',
      namespaces.storage,
      '--timeout=120s',
      'deployment/s3',
      'deployment/caller',
    ]);
    // A pod is ready a moment before its Service leads there.
    await eventually(async () => {
      await stage.call('upload.ts', storageEndpoint, 'models');
    }, 60_000);
    return stage;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

function stageOn(cluster: Cluster, helm: Helm): Stage {
  const { kubectl } = cluster;
  const inCaller = (...args: string[]) =>
    kubectl(['exec', '--namespace', namespaces.storage, 'deployment/caller', '--', 'node', ...args]);
  return {
    cluster,
    helm,
    async install(operatorTag) {
      const settings = {
        'image.repository': images.operator,
        'image.tag': operatorTag,
        'runtime.image.repository': images.runtime.slice(0, images.runtime.lastIndexOf(':')),
        'runtime.image.tag': images.runtime.slice(images.runtime.lastIndexOf(':') + 1),
        'runtime.storage.allowedCidrs': `{${privateRanges.join(',')}}`,
      };
      const set = Object.entries(settings).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
      await helm([
        'upgrade',
        '--install',
        'modelyard',
        chart,
        '--namespace',
        namespaces.system,
        '--wait',
        '--timeout',
        '3m',
        ...set,
      ]);
    },
    async apply(...objects) {
      await kubectl(['apply', '--filename', '-'], objects.map((object) => JSON.stringify(object)).join('\n---\n'));
    },
    async get(namespace, kind, selector = '') {
      const text = await kubectl(['get', kind, '--namespace', namespace, '--selector', selector, '--output', 'json']);
      return (JSON.parse(text) as { items: never[] }).items;
    },
    call: (script, ...args) => inCaller(`test/e2e/caller/${script}`, ...args),
    read: (path) =>
      inCaller('--print', 'fs.existsSync(process.argv[1]) ? fs.readFileSync(process.argv[1], "utf8") : ""', path),
    async write(path, content) {
      await inCaller('--eval', 'fs.writeFileSync(process.argv[1], process.argv[2])', path, content);
    },
    async stop() {
      if (!cluster.isOurs) {
        await helm(['uninstall', 'modelyard', '--namespace', namespaces.system, '--ignore-not-found', '--wait']);
        await kubectl(['delete', 'namespace', '--ignore-not-found', ...Object.values(namespaces)]);
      }
      await cluster.stop();
    },
  };
}

async function loadImages(cluster: Cluster, data: Record<string, string>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'modelyard-images-'));
  try {
    const runtime = await runtimeImage(images.runtime);
    const all: Image[] = [
      runtime,
      { ...runtime, name: `${images.operator}:v1` },
      {
        ...runtime,
        name: `${images.operator}:v2`,
        labels: { ...runtime.labels, 'org.opencontainers.image.version': 'v2' },
      },
      await storageImage(images.storage),
      await callerImage(images.caller, runtime, data),
    ];
    const archive = join(folder, 'images.tar');
    await writeImageArchive(archive, ...all);
    await cluster.loadImage(archive);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
