import { setTimeout as sleep } from 'node:timers/promises';
import { json, metrics as metricsAnswer, probe, startHealthServer } from '../../lib/health.ts';
import type { Log } from '../../lib/log.ts';
import { createRegistry } from '../../lib/metrics.ts';
import type { ServingConfig } from '../config.ts';
import { adminPaths, type ServingReport } from '../contract.ts';
import { startGrpcFront } from './grpc/front.ts';
import { ModelRepository } from './model-repository.ts';
import { createRestServer } from './rest/front.ts';
import { resolverOf } from './resolver.ts';
import { ServedModel } from './served-model.ts';
import { limits } from './limits.ts';
import { createServingMetrics } from './serving-metrics.ts';

export interface ServingOptions {
  config: ServingConfig;
  /** 0 takes a free one. */
  ports: { http: number; grpc: number; admin: number };
  environment: NodeJS.ProcessEnv;
  /** Milliseconds since the epoch, of a clock that never goes back. */
  now: () => number;
  random: () => number;
  log: Log;
}

export interface Serving {
  ports: { http: number; grpc: number; admin: number };
  model: ServedModel;
  /**
   * The end of a pod: not ready at once; for `drainDelayMs` it goes on accepting while its endpoint is withdrawn and
   * asks clients to reconnect; then everything accepted is answered and all is closed.
   */
  drain(): Promise<void>;
}

/** Beyond the deployment's timeout, for the answer to leave. */
const answerGraceMs = 1_000;

/** For a GOAWAY to reach its client and the client's last streams to arrive. */
const moveOnMs = 300;

/** Starts all fronts of one model and, behind them, the model itself. Resolves when the fronts listen. */
export async function startServing(options: ServingOptions): Promise<Serving> {
  const { config, environment, now, random, log } = options;
  const registry = createRegistry({ ofProcess: true });
  const metrics = createServingMetrics(registry);
  const model = new ServedModel({ config, environment, resolve: resolverOf(config), metrics, now, random, log });
  const repository = new ModelRepository([model], config.modelControl);
  let draining = false;
  const isDraining = (): boolean => draining;
  const rest = createRestServer({ repository, metrics, now, log, isDraining });
  const report = (): ServingReport => ({ version: 1, kind: 'Serving', podName: config.podName, model: model.report });
  const admin = await startHealthServer({
    host: config.host,
    port: options.ports.admin,
    routes: {
      [adminPaths.live]: () => probe(undefined),
      [adminPaths.ready]: () => probe(draining ? 'draining' : repository.whyNotReady()),
      [adminPaths.metrics]: () => metricsAnswer(registry),
      [adminPaths.report]: () => json(report()),
    },
  });
  const address = await rest.listen({ host: config.host, port: options.ports.http });
  const grpc = await startGrpcFront({
    repository,
    metrics,
    now,
    random,
    log,
    isDraining,
    host: config.host,
    port: options.ports.grpc,
    maxRequestBytes: limits.requestBytes,
    maxConnectionAgeMs: limits.grpcConnectionAgeMs,
    graceMs: config.timeoutMs + answerGraceMs,
  });
  const started = model.start();

  const drain = async (): Promise<void> => {
    if (draining) return;
    draining = true;
    log.info({ delayMs: config.drainDelayMs }, 'draining');
    model.drain();
    grpc.sayGoAway();
    await sleep(config.drainDelayMs);
    // New connections came while the endpoint was withdrawn: those move on now, before anything closes under them.
    grpc.sayGoAway();
    await sleep(moveOnMs);
    const closed = Promise.all([rest.close(), grpc.close()]);
    await model.idle();
    await Promise.race([closed, sleep(answerGraceMs)]);
    rest.server.closeAllConnections();
    await closed;
    await model.stop();
    await started;
    await admin.close();
  };
  return { ports: { http: Number(new URL(address).port), grpc: grpc.port, admin: admin.port }, model, drain };
}
