import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ModelDeployment } from '../../operator/api/model-deployment.gen.ts';
import { modelDeploymentKind } from '../../operator/controllers/kinds.ts';
import { labels } from '../../operator/core/metadata.ts';
import type { KubeObject } from '../../operator/kube/object.ts';
import type { ServingReport } from '../../runtime/contract.ts';
import type { PodPlayer } from '../cluster/pod-player.ts';
import type { PodScript } from '../support/pod-script.ts';
import type { ClusterTrace } from './cluster-trace.ts';

/** What every URI leads to. */
const digestOf = (uri: string): string => `sha256:${(uri.includes('second') ? 'b' : 'a').repeat(64)}`;

/** A pod that serves has loaded what its ModelDeployment asks for. */
function servingReport(pod: KubeObject, trace: ClusterTrace): ServingReport | undefined {
  const name = pod.metadata.labels?.[labels.deployment];
  const owner = trace
    .objects(pod.metadata.namespace ?? '')
    .find(({ kind, metadata }) => kind === modelDeploymentKind.kind && metadata.name === name) as
    ModelDeployment | undefined;
  const trained = owner?.status?.trained;
  const uri = owner?.spec.model?.uri ?? trained?.uri;
  if (uri === undefined) return undefined;
  const digest = trained?.digest ?? digestOf(uri);
  const model: ServingReport['model'] = { uri, phase: 'Ready', digest, inputs: [], outputs: [] };
  return { version: 1, kind: 'Serving', podName: pod.metadata.name, model };
}

/** Answers for all pods, whose addresses it takes as the parameter `address`. */
export async function reportServer(
  player: PodPlayer,
  trace: ClusterTrace,
  script: PodScript,
): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    const pod = player.podAt(new URL(request.url ?? '', 'http://pod').searchParams.get('address') ?? '');
    const report = pod && (script.reportOf(pod) ?? servingReport(pod, trace));
    if (report === undefined) response.writeHead(404).end();
    else response.end(JSON.stringify(report));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/report`,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
