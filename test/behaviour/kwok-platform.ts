import { randomBytes } from 'node:crypto';
import { labels } from '../../operator/core/metadata.ts';
import { HttpClient } from '../../operator/kube/http-client.ts';
import { connect } from '../../operator/kube/kube-config.ts';
import { refOf, type KubeObject } from '../../operator/kube/object.ts';
import { createOperator } from '../../operator/operator.ts';
import { createLog } from '../../lib/log.ts';
import type { ServingReport } from '../../runtime/contract.ts';
import { startCluster, type Cluster } from '../cluster/cluster.ts';
import { installCrds, restrictedNamespace } from '../cluster/fixtures.ts';
import { installUnschedulable, setUnschedulable } from '../cluster/unschedulable.ts';
import { PodPlayer, type PodFate } from '../cluster/pod-player.ts';
import { RecordingClient } from '../support/recording-client.ts';
import type { Platform } from './platform.ts';

export interface KwokPlatform extends Platform {
  readonly cluster: Cluster;
}

/** Pods by the deployment they belong to, as `NAMESPACE/NAME`. */
function deploymentOf({ metadata }: KubeObject): string {
  return `${metadata.namespace ?? ''}/${metadata.labels?.[labels.deployment] ?? ''}`;
}

/** Namespaces that enforce `restricted`, on a real kube-apiserver; KWOK and a script play the node. */
export async function kwokPlatform(): Promise<KwokPlatform> {
  const cluster = await startCluster({ node: 'kwok', extended: { 'nvidia.com/gpu': '8' } });
  try {
    await installCrds(cluster.kubectl);
    await installUnschedulable(cluster.kubectl);
    return await platformOn(cluster);
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

async function platformOn(cluster: Cluster): Promise<KwokPlatform> {
  const { kubeconfig } = cluster;
  const writer = new HttpClient(await connect({ path: kubeconfig }), { fieldManager: 'modelyard' });
  const recorder = new RecordingClient(writer);
  const user = new HttpClient(await connect({ path: kubeconfig }), { fieldManager: 'user' });
  const fates = new Map<string, PodFate>();
  const reports = new Map<string, ServingReport['model']>();
  const player = await PodPlayer.start(kubeconfig, (pod) => fates.get(deploymentOf(pod)) ?? { state: 'Ready' });

  const fetchReport: typeof fetch = (input) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const pod = player.podAt(url.hostname);
    const model = pod === undefined ? undefined : reports.get(deploymentOf(pod));
    if (pod === undefined || model === undefined) return Promise.reject(new TypeError('nobody answers'));
    const report: ServingReport = { version: 1, kind: 'Serving', podName: pod.metadata.name, model };
    return Promise.resolve(Response.json(report));
  };

  return {
    name: `kube-apiserver ${cluster.version}`,
    cluster,
    user,
    node: {
      async pods(namespace, deployment, state, message) {
        const key = `${namespace}/${deployment}`;
        const before = fates.get(key)?.state;
        fates.set(key, { state, ...(message === undefined ? {} : { message }) });
        const changed = (before === 'Unschedulable') !== (state === 'Unschedulable');
        if (changed) {
          await setUnschedulable(cluster.kubectl, namespace, deployment, state === 'Unschedulable');
          // Where a pod may go is settled when it is made.
          const present = player.pods().filter((pod) => deploymentOf(pod) === key);
          await Promise.all(present.map((pod) => user.remove(refOf(pod))));
        }
        await player.again();
      },
      report(namespace, deployment, model) {
        const key = `${namespace}/${deployment}`;
        if (model === undefined) reports.delete(key);
        else reports.set(key, model);
      },
    },
    async namespace() {
      const name = `team-${randomBytes(4).toString('hex')}`;
      await user.create(restrictedNamespace(name));
      return name;
    },
    startOperator() {
      const stop = new AbortController();
      const operator = createOperator({
        client: recorder.client,
        config: {
          runtimeImage: 'modelyard.test/runtime:v1',
          runtimePullPolicy: undefined,
          namespace: 'modelyard-system',
          instance: 'behaviour',
          watchNamespaces: [],
          leaseName: undefined,
          storageAllowedCidrs: [],
          logLevel: 'warn',
          runtimeLogLevel: 'info',
          adminPort: undefined,
        },
        fetchReport,
        log: createLog('operator', 'warn'),
      });
      const running = operator.run(stop.signal);
      return Promise.resolve(async () => {
        stop.abort();
        await running;
      });
    },
    operatorWrites: () => recorder.take(),
    async objects(apiVersion, kind, namespace) {
      const found = await cluster.kubectl(['get', resourceName(apiVersion, kind), '-n', namespace, '-o', 'json']);
      return (JSON.parse(found) as { items: KubeObject[] }).items;
    },
    async stop() {
      await player.stop();
      await Promise.all([user.close(), writer.close()]);
      await cluster.stop();
    },
  };
}

/** As kubectl takes it: `KIND.VERSION.GROUP`. */
function resourceName(apiVersion: string, kind: string): string {
  const [group, version] = apiVersion.split('/');
  return version === undefined ? kind : `${kind}.${version}.${group ?? ''}`;
}
