import type { Slice } from './layout.ts';

/** What decides which rows a step works on. */
export interface BatchPlan {
  /** Of the training split. */
  rows: number;
  /** Rows in a step, over all shards; the last step of an epoch takes what is left. */
  batchSize: number;
  gradientShards: number;
  epochs: number;
}

/** One step's place in its epoch. */
export interface Batch {
  /** From 0. */
  epoch: number;
  /** Positions in the epoch's order. */
  positions: Slice;
}

export const stepsPerEpoch = ({ rows, batchSize }: BatchPlan): number => Math.ceil(rows / batchSize);

export const totalSteps = (plan: BatchPlan): number => stepsPerEpoch(plan) * plan.epochs;

/** @param step from 0: step `t` makes version `t + 1` of version `t` */
export function batchOf(plan: BatchPlan, step: number): Batch {
  const perEpoch = stepsPerEpoch(plan);
  const from = (step % perEpoch) * plan.batchSize;
  return {
    epoch: Math.floor(step / perEpoch),
    positions: { from, to: Math.min(plan.rows, from + plan.batchSize) },
  };
}

/** The positions of one shard; empty where a last batch has fewer rows than there are shards. */
export function shardOf({ positions: { from, to } }: Batch, shard: number, gradientShards: number): Slice {
  const rows = to - from;
  return {
    from: from + Math.floor((rows * shard) / gradientShards),
    to: from + Math.floor((rows * (shard + 1)) / gradientShards),
  };
}
