import type { Log } from '../../../lib/log.ts';
import type { WritableFolder } from '../../store/writable-folder.ts';
import type { TrainingJobFile, TrainingOutcome } from '../../training-contract.ts';
import type { SplitName } from '../data/dataset.ts';
import type { Layout } from '../layout.ts';
import type { Reached } from '../server/fault-points.ts';
import type { LabelSpec } from '../training-graph.ts';
import type { Evaluation } from './history.ts';

/** What the coordinator has to know of model and data. */
export interface PreparedJob {
  layout: Layout;
  label: LabelSpec;
  /** Rows of each split. */
  split: Record<SplitName, number>;
  rows: number;
  badRows: number;
  /** `sha256:HEX` of the files that the data came from. */
  dataDigest: string;
  /** `sha256:HEX` of the training graph: workers with another one are turned away. */
  programDigest: string;
  /** The whole flat vector before the first step, anew each time. */
  initialWeights(): Float32Array;
}

/** What came of training. */
export interface TrainingResult {
  prepared: PreparedJob;
  /** Steps done. */
  steps: number;
  /** The epoch with the lowest validation loss, or the last one where nothing was validated, and the flat vector after it. */
  best: { version: number; weights: Float32Array };
  last: { version: number; weights: Float32Array };
  /** Of the best on the test split, or on the validation split or of training where there is no test split: `loss` and each metric. */
  testMetrics: Record<string, number>;
  /** The training loss of each step. */
  losses: Float64Array;
  evaluations: readonly Evaluation[];
  recomputedSteps: number;
}

/** What the coordinator does not do itself. All of it may reject with TrainingFailure and StoreError; what is `retrying` is tried again. */
export interface CoordinatorWork {
  /** How this job ended, where it is over already: `AlreadyTrained`. */
  findOutcome(): Promise<TrainingOutcome | undefined>;
  prepare(signal: AbortSignal): Promise<PreparedJob>;
  /** Once prepared: the outcome with the version that the same spec made of the same model and data, where there is one: `AlreadyTrained`. */
  findVersion(): Promise<TrainingOutcome | undefined>;
  /** Writes the model, the manifest that makes it count, and that this job is over; what is there stays as it is. */
  writeOutput(result: TrainingResult): Promise<TrainingOutcome>;
}

/** Reads and writes slices over the transport, as workers do. */
export interface SliceClient {
  /** Sends weights, with slots of zero, to a server that waits for them. */
  fill: (
    server: number,
    incarnation: number,
    generation: number,
    version: number,
    weights: Float32Array,
  ) => Promise<void>;
  /** Reads the weights of a server. */
  pull: (server: number, incarnation: number, generation: number, version: number, into: Float32Array) => Promise<void>;
}

export interface CoordinatorOptions {
  job: TrainingJobFile;
  work: CoordinatorWork;
  /** Of this job alone. */
  checkpoints: WritableFolder;
  servers: number;
  /** Takes the number of this incarnation, and connects server 0, which has the same. */
  claim: () => Promise<number>;
  /** Float32 of optimizer state for each parameter. */
  slots: number;
  slices: SliceClient;
  /** Monotonic, in milliseconds. */
  now: () => number;
  random: () => number;
  log: Log;
  reached: Reached;
  waits: CoordinatorWaits;
}

/** Durations in milliseconds. */
export interface CoordinatorWaits {
  /** How long a new generation waits for those who may have a newer version than the checkpoint. */
  recoveryMs: number;
  /** How long a coordinator that replaces another one waits for such to appear at all. */
  settleMs: number;
  /** How often one that waits looks whether another one replaced it. */
  successorMs: number;
  /** How long servers that are told to stop may take to have their slices saved. */
  saveMs: number;
  /** How long it stays after the end, to tell everybody. */
  farewellMs: number;
}
