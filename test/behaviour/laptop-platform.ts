import { randomUUID } from 'node:crypto';
import { crdAdmission } from '../../cli/local/admission.ts';
import { LocalCluster } from '../../cli/local/cluster.ts';
import { Workloads } from '../../cli/local/workloads.ts';
import { createLog } from '../../lib/log.ts';
import { createOperator } from '../../operator/operator.ts';
import type { Platform } from './platform.ts';
import { RecordingClient } from '../support/recording-client.ts';
import { ScriptedNode } from '../support/scripted-node.ts';

/** The laptop mode, with a scripted node in place of the kubelet. */
export function laptopPlatform(): Platform {
  let names = 0;
  const now = (): Date => new Date();
  const cluster = new LocalCluster({ now, uid: randomUUID, admission: crdAdmission });
  const workloads = new Workloads(cluster, { now, suffix: () => (++names).toString(36).padStart(5, '0') });
  const node = new ScriptedNode(cluster);
  const recorder = new RecordingClient(cluster.client('modelyard'));
  return {
    name: 'laptop',
    user: cluster.client('kubectl'),
    node,
    namespace: () => Promise.resolve(`behaviour-${++names}`),
    startOperator: () => {
      const stop = new AbortController();
      const running = createOperator({
        client: recorder.client,
        config: {
          instance: 'test',
          namespace: 'modelyard-system',
          watchNamespaces: [],
          runtimeImage: 'registry.test/runtime:1',
          runtimePullPolicy: undefined,
          leaseName: undefined,
          adminPort: undefined,
          storageAllowedCidrs: [],
          logLevel: 'info',
          runtimeLogLevel: 'info',
          tracing: undefined,
        },
        fetchReport: node.fetch,
        log: createLog('operator', 'error'),
      }).run(stop.signal);
      return Promise.resolve(async () => {
        stop.abort();
        await running;
      });
    },
    operatorWrites: () => recorder.writes,
    objects: (apiVersion, kind, namespace) => Promise.resolve(cluster.all({ apiVersion, kind }, namespace)),
    stop: () => {
      workloads.stop();
      node.stop();
      return Promise.resolve();
    },
  };
}
