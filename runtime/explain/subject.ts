import type { RowSource } from './model.ts';
import type { Neighbourhood } from './neighbourhood.ts';

/** One thing whose parts can be taken away: what a method sees of features, words and regions. */
export interface Masker<Batch> {
  /** Which feature of the answer each part is. */
  readonly places: Int32Array;
  /** How many rows of the model stand for one mask: the value of a mask is the mean of what the model makes of them. */
  readonly rowsPerMask: number;
  /** The rows of the mask that takes every part away; the same object where several instances share them. */
  readonly nothing: RowSource<Batch>;
  /** @param masks [n, parts], where 1 keeps a part and 0 takes it away */
  rows(masks: Uint8Array): RowSource<Batch>;
}

/** One instance to explain. */
export interface Subject<Batch> {
  readonly features: number;
  readonly masker: Masker<Batch>;
  /** What LIME fits a model to: so many rows, the first of which is the instance. */
  neighbourhood(samples: number, seed: number, signal: AbortSignal | undefined): Promise<Neighbourhood<Batch>>;
}

/** All instances of a request, and what its answer says of them beside numbers. */
export interface Subjects<Batch, About> {
  /** The instances as they are. */
  readonly instances: RowSource<Batch>;
  readonly all: readonly Subject<Batch>[];
  readonly about: About;
}

/** What a method says of one instance. */
export interface InstanceExplanation {
  /** [features, outputs] */
  attributions: Float64Array;
  /** [outputs] */
  base: Float64Array;
  /** Of methods that fit a model of their own: [outputs]. */
  local?: { scores: Float64Array; predictions: Float64Array };
}

export interface Explainer<Batch> {
  /** How many rows of the model explaining takes. Throws RequestError for a request that does not fit the instance. */
  cost(subject: Subject<Batch>): number;
  /**
   * @param prediction [outputs], what the model gives for the instance
   * @param columns which of the model's outputs these are
   */
  explain(subject: Subject<Batch>, prediction: Float64Array, columns: readonly number[]): Promise<InstanceExplanation>;
}
