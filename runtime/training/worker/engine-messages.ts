import type { OptimizerSpec, TrainingFault } from '../../training-contract.ts';
import type { Rows } from '../data/dataset.ts';
import type { MetricSums } from '../metrics.ts';
import type { TrainingGraph } from '../training-graph.ts';
import type { StepFactors } from '../update-rule.ts';

/** Float32 numbers that all threads of an engine see, from `Engine.allocate`. Must not change while a task reads them. */
export interface SharedVector {
  readonly id: number;
  readonly values: Float32Array<SharedArrayBuffer>;
}

/** A leaf of the sum tree: the rows of one shard. */
export interface Leaf {
  shard: number;
  rows: Rows;
}

/** A vector in a task: for the engine the vector itself, for its threads the number of it. */
type Reference = SharedVector | number;

export interface GradientTask<Vector extends Reference = SharedVector> {
  /** The flat vector of one version. */
  parameters: Vector;
  /** From 0, as in `batchOf`. */
  step: number;
  seed: number;
  /** 1 / rows of the whole batch. */
  rowWeight: number;
  /** All leaves that one node of the sum tree covers, in order. */
  leaves: Leaf[];
}

export interface EvaluationTask<Vector extends Reference = SharedVector> {
  parameters: Vector;
  rows: Rows;
}

/** A part of a vector, which begins at an element. */
interface Part<Vector extends Reference> {
  vector: Vector;
  from: number;
}

/** A slice of a version: the weights and the optimizer's vectors beside them. */
interface State<Vector extends Reference> {
  weights: Part<Vector>;
  slots: Part<Vector>[];
}

/** What a parameter server makes of a slice and of the gradient of a step, made here. */
export interface UpdateTask<Vector extends Reference = SharedVector> {
  from: State<Vector>;
  /** The sum over all leaves, cut to the slice. */
  gradient: Part<Vector>;
  to: State<Vector>;
  /** Elements of the slice. */
  length: number;
  /** How many of them, from the first, follow their gradient. The others are replaced by it. */
  trainable: number;
  at: StepFactors;
}

/** What a node of the sum tree holds. */
export interface Contribution {
  loss: number;
  /** As the layout has it. */
  vector: SharedVector;
}

export type ExecutionProvider = 'cpu' | 'cuda';

interface Program {
  graph: TrainingGraph;
  optimizer: OptimizerSpec;
  executionProvider: ExecutionProvider;
}

/** To a thread, which gives each one `ThreadAnswer` before it is asked again. */
export type ThreadRequest =
  /** `scratch`: for what `scratchLength` says. */
  | { type: 'load'; program: Program; scratch: number }
  | { type: 'evaluate'; task: EvaluationTask<number> }
  /** `into` receives the values. */
  | { type: 'gradient'; task: GradientTask<number>; into: number }
  | { type: 'add'; target: number; source: number }
  | { type: 'update'; task: UpdateTask<number> };

/** In the memory of the kernels, or in memory of its own. */
export type VectorPlace = { offset: number; length: number } | { values: Float32Array<SharedArrayBuffer> };

/** To a thread, which does not answer: a number means this vector from now on, or none any more. */
export type ThreadNotice = { type: 'allocated'; id: number; place: VectorPlace } | { type: 'forgotten'; id: number };

export type ThreadAnswer =
  | { type: 'done' }
  | { type: 'sums'; sums: MetricSums }
  | { type: 'loss'; loss: number }
  | { type: 'fault'; fault: TrainingFault };
