import type { Log } from '../../lib/log.ts';
import type { KubeClient } from '../../operator/kube/client.ts';
import { createOperator } from '../../operator/operator.ts';

export interface LocalOperatorOptions {
  client: KubeClient;
  /** Where a deployment answers, with TLS or without. */
  url: (namespace: string, name: string, isSecure: boolean) => string;
  log: Log;
}

/** Not pulled: the kubelet of a laptop runs the program that lies beside it. */
const image = 'modelyard-runtime:laptop';

/** A laptop's own networks are its owner's to use. */
const storageAllowedCidrs = ['127.0.0.0/8', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '::1/128', 'fc00::/7'];

/** Pods of a session share a cache, which outlives it beside the session's other volumes. */
const cache = { persistentVolumeClaim: { claimName: 'modelyard-cache' }, maxSize: '20Gi' };

/** Starts the operator of clusters in this process; the function stops it. */
export function startLocalOperator({ client, url, log }: LocalOperatorOptions): () => Promise<void> {
  const stop = new AbortController();
  const operator = createOperator({
    client,
    config: {
      instance: 'laptop',
      namespace: 'modelyard-system',
      watchNamespaces: [],
      runtimeImage: image,
      runtimePullPolicy: undefined,
      leaseName: undefined,
      adminPort: undefined,
      storageAllowedCidrs,
      logLevel: 'info',
      runtimeLogLevel: 'info',
      tracing: undefined,
    },
    fetchReport: fetch,
    log,
    serving: { allowFileUris: true, url, cache },
  });
  const running = operator.run(stop.signal);
  return async () => {
    stop.abort();
    await running;
  };
}
