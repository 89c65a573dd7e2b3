import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { json, metrics as metricsAnswer, probe, startHealthServer } from '../../lib/health.ts';
import type { Log } from '../../lib/log.ts';
import { countDroppedSpans, createRegistry } from '../../lib/metrics.ts';
import { startTracing } from '../../lib/tracing.ts';
import type { ServingConfig } from '../config.ts';
import { adminPaths, type ServingReport, type SharedServingReport } from '../contract.ts';
import { createAccessLog } from './access-log.ts';
import { openAccess } from './access/access.ts';
import { startGrpcFront } from './grpc/front.ts';
import { ModelRepository } from './model-repository.ts';
import { requestTracing } from './request-tracing.ts';
import { createRestServer } from './rest/front.ts';
import { limits } from './limits.ts';
import { createModels } from './models.ts';
import { createTorchServeServer, type TorchServeOptions } from './torchserve/front.ts';
import { Tokens } from './torchserve/tokens.ts';
import { createServingMetrics } from './serving-metrics.ts';

export interface ServingOptions {
  config: ServingConfig;
  /** 0 takes a free one. */
  ports: { http: number; grpc: number; admin: number; torchServe: number };
  environment: NodeJS.ProcessEnv;
  /** Milliseconds since the epoch, of a clock that never goes back. */
  now: () => number;
  random: () => number;
  log: Log;
}

export interface Serving {
  /** Of TorchServe's calls 0 where they are off. */
  ports: ServingOptions['ports'];
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

/** Starts all fronts and, behind them, the models. Resolves when the fronts listen. Rejects with ConfigurationError. */
export async function startServing(options: ServingOptions): Promise<Serving> {
  const { config, now, random, log } = options;
  const registry = createRegistry({ ofProcess: true });
  const metrics = createServingMetrics(registry);
  const repository = new ModelRepository(config.modelControl);
  const models = await createModels({ ...options, repository, metrics });
  const access = openAccess({ config: config.access, allowedCidrs: config.storage.allowedCidrs, now, log });
  let draining = false;
  const isDraining = (): boolean => draining;
  const accessLog = config.accessLog === 'None' ? undefined : createAccessLog(config.accessLog, metrics);
  const tracing = config.tracing && (await startTracing(config.tracing, log));
  countDroppedSpans(registry, () => tracing?.dropped() ?? 0);
  const trace = tracing && requestTracing(tracing);
  const front = { repository, observers: { metrics, now, accessLog, trace }, isDraining };
  const rest = createRestServer({ ...front, access, log });
  const report = (): ServingReport | SharedServingReport => {
    const fault = access.fault();
    return { ...models.report(), ...(fault && { access: fault }) };
  };
  const whyNotReady = (): string | undefined => {
    if (draining) return 'draining';
    return access.tls?.isUsable === false ? 'no certificate to listen with' : repository.whyNotReady();
  };
  const admin = await startHealthServer({
    host: config.host,
    port: options.ports.admin,
    routes: {
      [adminPaths.live]: () => probe(undefined),
      [adminPaths.ready]: () => probe(whyNotReady()),
      [adminPaths.metrics]: () => metricsAnswer(registry),
      [adminPaths.report]: () => json(report()),
    },
  });
  const address = await rest.listen({ host: config.host, port: options.ports.http });
  const grpc = await startGrpcFront({
    ...front,
    access,
    now,
    random,
    log,
    host: config.host,
    port: options.ports.grpc,
    maxRequestBytes: limits.requestBytes,
    maxConnectionAgeMs: limits.grpcConnectionAgeMs,
    graceMs: config.timeoutMs + answerGraceMs,
  });
  const torchServe = torchServeServer({ ...front, config, registered: models.registered, now, log });
  const torchServeAddress = await torchServe?.listen({ host: config.host, port: options.ports.torchServe });
  const started = models.start();

  const drain = async (): Promise<void> => {
    if (draining) return;
    draining = true;
    log.info({ delayMs: config.drainDelayMs }, 'draining');
    models.drain();
    grpc.sayGoAway();
    await sleep(config.drainDelayMs);
    // New connections came while the endpoint was withdrawn: those move on now, before anything closes under them.
    grpc.sayGoAway();
    await sleep(moveOnMs);
    const closed = Promise.all([rest.close(), grpc.close(), torchServe?.close()]);
    await models.idle();
    await Promise.race([closed, sleep(answerGraceMs)]);
    rest.server.closeAllConnections();
    torchServe?.server.closeAllConnections();
    await closed;
    await models.stop();
    await started;
    await Promise.all([access.close(), tracing?.stop()]);
    await admin.close();
  };
  const portOf = (url: string): number => Number(new URL(url).port);
  const torchServePort = torchServeAddress === undefined ? 0 : portOf(torchServeAddress);
  const ports = { http: portOf(address), grpc: grpc.port, admin: admin.port, torchServe: torchServePort };
  return { ports, drain };
}

/** Undefined where TorchServe's calls are off. */
function torchServeServer({
  config: { torchServeTokenDir: folder },
  ...options
}: Omit<TorchServeOptions, 'tokens'> & Pick<ServingOptions, 'config'>): FastifyInstance | undefined {
  if (folder === undefined) return undefined;
  const tokens = new Tokens({ folder, now: options.now });
  const { missing } = tokens;
  if (missing.length > 0)
    options.log.warn({ missing }, "there are APIs of TorchServe's without a token: nobody can call them");
  return createTorchServeServer({ ...options, tokens });
}
