import type { TrainingFault } from '../../training-contract.ts';
import type { Rows } from '../data/dataset.ts';
import type { MetricSums } from '../metrics.ts';
import type { TrainingGraph } from '../training-graph.ts';

/** The flat vector of one version, in memory that every thread sees. Must not change while a task that names it is under way. */
export interface SharedParameters {
  values: Float32Array<SharedArrayBuffer>;
  /** Another one whenever the content is another. */
  id: number;
}

/** A leaf of the sum tree: the rows of one shard. */
export interface Leaf {
  shard: number;
  rows: Rows;
}

export interface GradientTask {
  parameters: SharedParameters;
  /** From 0, as in `batchOf`. */
  step: number;
  seed: number;
  /** 1 / rows of the whole batch. */
  rowWeight: number;
  /** All leaves that one node of the sum tree covers, in order. */
  leaves: Leaf[];
}

export interface EvaluationTask {
  parameters: SharedParameters;
  rows: Rows;
}

/** What a node of the sum tree holds. */
export interface Contribution {
  loss: number;
  /** As the layout has it. */
  values: Float32Array<ArrayBuffer>;
}

export type ExecutionProvider = 'cpu' | 'cuda';

/** To a thread, which gives each one `ThreadAnswer` before it is asked again. */
export type ThreadRequest =
  | { type: 'load'; graph: TrainingGraph; executionProvider: ExecutionProvider }
  | { type: 'evaluate'; task: EvaluationTask }
  /** `into` receives the values. */
  | { type: 'gradient'; task: GradientTask; into: Float32Array<ArrayBuffer> }
  /** `left` receives the sum; both come back. */
  | { type: 'add'; left: Contribution; right: Contribution };

export type ThreadAnswer =
  | { type: 'loaded' }
  | { type: 'sums'; sums: MetricSums }
  | { type: 'contribution'; contribution: Contribution; spare?: Float32Array<ArrayBuffer> }
  | { type: 'fault'; fault: TrainingFault };
