import { randomUUID } from 'node:crypto';
import type { Log } from '../lib/log.ts';
import { countDroppedSpans, createRegistry } from '../lib/metrics.ts';
import type { Tracing } from '../lib/tracing.ts';
import { adminPaths } from '../runtime/contract.ts';
import type { OperatorConfig } from './config.ts';
import { clusterUrl, modelDeploymentController, type ServingConfig } from './controllers/model-deployment.ts';
import { ReportPoller } from './controllers/reports.ts';
import { servingReports } from './controllers/serving-reports.ts';
import { trainingJobController } from './controllers/training-job.ts';
import { trainingReports } from './controllers/training-reports.ts';
import type { KubeClient } from './kube/client.ts';
import { pause, systemClock, type Clock } from './kube/clock.ts';
import { Manager } from './kube/manager.ts';

export interface OperatorOptions {
  client: KubeClient;
  /** With connections of its own; absent: `client`. Of use only with a lease name in the configuration. */
  leaseClient?: KubeClient;
  config: Omit<OperatorConfig, 'kubeconfig'>;
  /** Reaches the admin port of pods. */
  fetchReport: typeof fetch;
  log: Log;
  clock?: Clock;
  /** What a laptop has otherwise than a cluster. */
  serving?: Partial<Pick<ServingConfig, 'allowFileUris' | 'url' | 'cache'>>;
  /** `process_*` and `nodejs_*` metrics too. */
  processMetrics?: boolean;
  /** Of the operator itself; pods are told of the collector by the configuration. */
  tracing?: Tracing | undefined;
}

export interface Operator {
  /**
   * Runs until `signal` aborts, then finishes what it is at and stops.
   * @throws LeadershipLostError when another process may lead: the caller must end this one
   */
  run(signal: AbortSignal): Promise<void>;
}

/** The whole operator, the same on a cluster, on a laptop and in tests. */
export function createOperator(options: OperatorOptions): Operator {
  const { client, leaseClient = client, config, fetchReport, log, clock = systemClock, serving, tracing } = options;
  const registry = createRegistry({ ofProcess: options.processMetrics ?? false });
  countDroppedSpans(registry, () => tracing?.dropped() ?? 0);
  const manager = new Manager({
    client,
    clock,
    log,
    registry,
    tracing,
    namespaces: config.watchNamespaces,
    reporter: { controller: 'modelyard.dev/operator', instance: config.instance },
    ...(config.leaseName === undefined
      ? {}
      : {
          election: {
            client: leaseClient,
            namespace: config.namespace,
            name: config.leaseName,
            identity: `${config.instance}_${randomUUID()}`,
          },
        }),
    ...(config.adminPort === undefined ? {} : { health: { port: config.adminPort, paths: adminPaths } }),
  });
  const polling = {
    fetch: fetchReport,
    now: () => clock.monotonicMs(),
    wait: (ms: number, signal: AbortSignal) => pause(clock, ms, signal),
  };
  const { allowFileUris = false, url = clusterUrl, cache = {} } = serving ?? {};
  const runtime = {
    image: config.runtimeImage,
    ...(config.runtimePullPolicy === undefined ? {} : { imagePullPolicy: config.runtimePullPolicy }),
    operatorNamespace: config.namespace,
    storageAllowedCidrs: config.storageAllowedCidrs,
    logLevel: config.runtimeLogLevel,
    tracing: config.tracing,
    allowFileUris,
  };
  manager.add(modelDeploymentController({ ...runtime, url, cache }, new ReportPoller(servingReports, polling)));
  manager.add(trainingJobController(runtime, new ReportPoller(trainingReports, polling)));
  return { run: (signal) => manager.run(signal) };
}
