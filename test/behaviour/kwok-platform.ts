import { randomBytes } from 'node:crypto';
import { HttpClient } from '../../operator/kube/http-client.ts';
import { connect } from '../../operator/kube/kube-config.ts';
import { refOf, type KubeObject } from '../../operator/kube/object.ts';
import { createOperator } from '../../operator/operator.ts';
import { createLog } from '../../lib/log.ts';
import { startCluster, type Cluster } from '../cluster/cluster.ts';
import { installCrds, restrictedNamespace } from '../cluster/fixtures.ts';
import { installUnschedulable, setUnschedulable } from '../cluster/unschedulable.ts';
import { PodPlayer } from '../cluster/pod-player.ts';
import { deploymentOf, PodScript } from '../support/pod-script.ts';
import { RecordingClient } from '../support/recording-client.ts';
import type { Platform } from './platform.ts';

export interface KwokPlatform extends Platform {
  readonly cluster: Cluster;
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
  const script = new PodScript();
  const player = await PodPlayer.start(kubeconfig, (pod) => script.fateOf(pod));

  const fetchReport: typeof fetch = (input) => {
    const url = new URL(input instanceof Request ? input.url : input);
    return script.answer(player.podAt(url.hostname));
  };

  return {
    name: `kube-apiserver ${cluster.version}`,
    cluster,
    user,
    node: {
      async pods(namespace, deployment, state, message) {
        const before = script.setDeployment(namespace, deployment, {
          state,
          ...(message === undefined ? {} : { message }),
        });
        const changed = (before?.state === 'Unschedulable') !== (state === 'Unschedulable');
        if (changed) {
          await setUnschedulable(cluster.kubectl, namespace, deployment, state === 'Unschedulable');
          // Where a pod may go is settled when it is made.
          const present = player.pods().filter((pod) => deploymentOf(pod) === `${namespace}/${deployment}`);
          await Promise.all(present.map((pod) => user.remove(refOf(pod))));
        }
        await player.again();
      },
      async pod(namespace, name, fate) {
        script.setPod(await user.get({ apiVersion: 'v1', kind: 'Pod', name, namespace }), fate);
        await player.again();
      },
      report: (namespace, deployment, model) => script.setModel(namespace, deployment, model),
      sharedReport: (namespace, deployment, models) => script.setModels(namespace, deployment, models),
      trainingReport: (namespace, job, report) => script.setJob(namespace, job, report),
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
          tracing: undefined,
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
    operatorWrites: () => recorder.writes,
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
