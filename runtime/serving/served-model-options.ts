import type { Log } from '../../lib/log.ts';
import type { ModelSettings } from '../config.ts';
import type { ListedModel } from '../contract.ts';
import type { ResolvedModel, StoreHooks } from '../store/request.ts';
import type { ModelChild } from './model-child-handle.ts';
import type { ModelMemory } from './model-memory.ts';
import type { ServingMetrics } from './serving-metrics.ts';

/** Between attempts to have a model. */
export const loadBackoff = { baseMs: 1_000, maxMs: 60_000, jitter: 0.2 };

/** Gets the model's content. Rejects with an error that carries a `fault`. */
export type Resolve = (hooks: StoreHooks) => Promise<ResolvedModel>;

export interface ServedModelOptions {
  model: ListedModel;
  config: ModelSettings;
  resolve: Resolve;
  /** Gives a process that has no model yet. */
  spawn: () => ModelChild;
  /** Where several models share memory: it is loaded when it is asked for, and leaves for others. */
  memory?: ModelMemory;
  metrics: ServingMetrics;
  now: () => number;
  random: () => number;
  log: Log;
}
