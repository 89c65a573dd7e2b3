import { readFile } from 'node:fs/promises';
import type { Log } from '../../lib/log.ts';
import type { ServingConfig } from '../config.ts';
import type { ListedModel, ServingReport, SharedServingReport } from '../contract.ts';
import { ConfigurationError } from '../errors.ts';
import { ModelChild } from './model-child-handle.ts';
import { parseModelList, watchModelList } from './model-list.ts';
import { ModelMemory } from './model-memory.ts';
import type { ModelRepository } from './model-repository.ts';
import { RegisteredModels, type RegisteredSettings } from './registered-models.ts';
import { resolverOf } from './resolver.ts';
import { ServedModel } from './served-model.ts';
import { modelLabels, type ServingMetrics } from './serving-metrics.ts';
import { SharedModels } from './shared-models.ts';
import { SpareChild } from './spare-child.ts';

export interface ModelsOptions {
  config: ServingConfig;
  environment: NodeJS.ProcessEnv;
  repository: ModelRepository;
  metrics: ServingMetrics;
  now: () => number;
  random: () => number;
  log: Log;
}

/** What stands behind the fronts: one model, or several that share memory. */
export interface Models {
  /** Those that clients register: on a laptop alone. */
  registered: RegisteredModels | undefined;
  /** Resolves when that is under way which needs no request. */
  start(): Promise<void>;
  report(): ServingReport | SharedServingReport;
  /** From now on the report says that the pod goes away. */
  drain(): void;
  /** Resolves when all requests are answered. */
  idle(): Promise<void>;
  /** Resolves when every model process is gone. */
  stop(): Promise<void>;
}

/** Throws ConfigurationError where the list of models is none. */
export async function createModels(options: ModelsOptions): Promise<Models> {
  const { models } = options.config;
  return 'file' in models ? sharedModels(options, models.file) : soleModel(options, models);
}

const spawner =
  ({ environment, log }: ModelsOptions) =>
  (): ModelChild =>
    new ModelChild(log, environment);

/** Others than those that the spec names. What the spec says of its storage, credentials above all, is for its own models, and so are its pins. */
function registeredModels(
  options: ModelsOptions,
  specUris: () => readonly string[],
  memory?: ModelMemory,
): RegisteredModels | undefined {
  const { config, repository } = options;
  if (!config.storage.allowFileUris) return undefined;
  const storage = { ...config.storage, endpoint: undefined, region: undefined, credentials: {} };
  const create = (model: ListedModel, settings: RegisteredSettings): ServedModel =>
    new ServedModel({
      ...options,
      config: { ...config, ...settings },
      model,
      resolve: resolverOf(model, 'url', { storage }, options.metrics),
      spawn: spawner(options),
      ...(memory && { memory }),
    });
  return new RegisteredModels({ repository, create, specUris, forget: (name) => options.metrics.forget(name) });
}

function soleModel(options: ModelsOptions, listed: ListedModel): Models {
  const { config, repository } = options;
  const resolve = resolverOf(listed, 'spec.model', config, options.metrics);
  const model = new ServedModel({ ...options, model: listed, resolve, spawn: spawner(options) });
  repository.set([model]);
  const registered = registeredModels(options, () => [listed.uri]);
  return {
    registered,
    start: () => model.start(),
    report: () => ({ version: 1, kind: 'Serving', podName: config.podName, model: model.report }),
    drain: () => model.drain(),
    idle: async () => {
      await Promise.all([model.idle(), registered?.idle()]);
    },
    stop: async () => {
      await Promise.all([model.stop(), registered?.stop()]);
    },
  };
}

async function sharedModels(options: ModelsOptions, file: string): Promise<Models> {
  const { config, repository, metrics, log } = options;
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new ConfigurationError(`the list of models: ${error instanceof Error ? error.message : String(error)}`);
  });
  const listed = parseModelList(text);
  const spare = new SpareChild(spawner(options));
  const memory = new ModelMemory({
    budgetBytes: config.memoryBudgetBytes,
    spareBytes: () => spare.bytes,
    now: options.now,
    log,
    observe: {
      used: (bytes) => metrics.memoryUsed.set(bytes),
      settled: () => spare.renew(),
      evicted: (model) => metrics.evictions.inc(modelLabels(model)),
    },
  });
  metrics.memoryBudget.set(config.memoryBudgetBytes);
  const create = (model: ListedModel): ServedModel => {
    const resolve = resolverOf(model, `spec.models[${JSON.stringify(model.name)}]`, config, metrics);
    return new ServedModel({ ...options, model, resolve, spawn: () => spare.take(), memory });
  };
  const shared = new SharedModels({
    repository,
    create,
    forget: (name) => metrics.forget(name),
    random: options.random,
    log,
  });
  shared.apply(listed);
  const stopping = new AbortController();
  let watching: Promise<void> | undefined;
  const registered = registeredModels(options, () => shared.reports.map(({ uri }) => uri), memory);
  return {
    registered,
    start: () => {
      spare.renew();
      watching = watchModelList(file, text, { change: (list) => shared.apply(list), signal: stopping.signal, log });
      return Promise.resolve();
    },
    report: () => ({ version: 1, kind: 'SharedServing', podName: config.podName, models: shared.reports }),
    drain: () => shared.models.forEach((model) => model.drain()),
    idle: async () => {
      await Promise.all([...shared.models.map((model) => model.idle()), registered?.idle()]);
    },
    stop: async () => {
      stopping.abort();
      await Promise.all([shared.stop(), registered?.stop(), spare.stop()]);
      await watching;
    },
  };
}
