import type { DataInput, LabelSpec } from '../training-graph.ts';

export type SplitName = 'train' | 'validation' | 'test';

/** Rows of a batch as the graph takes them, row-major. Each array has memory of its own, which may be given to another thread. */
export interface Rows {
  count: number;
  /** By the name of the model's input. */
  inputs: Map<
    string,
    { data: Float32Array<ArrayBuffer> | BigInt64Array<ArrayBuffer> | Int32Array<ArrayBuffer>; shape: number[] }
  >;
  labels: { data: BigInt64Array<ArrayBuffer> | Float32Array<ArrayBuffer>; shape: number[] };
}

/**
 * The samples of a job, on this machine's disk, of any size: rows are read when they are asked for. The same URI, spec and seed give
 * the same dataset everywhere.
 */
export interface Dataset {
  /** `sha256:HEX` of the files it was read from. */
  digest: string;
  /** Good rows. */
  rows: number;
  badRows: number;
  /** What a row holds, for building a model and for checking one: name `features` (or `image`), shape with -1 first. */
  features: DataInput;
  label: LabelSpec;
  /** The column of each number of a row; undefined where a row is no list of single columns, such as a picture. */
  featureNames: string[] | undefined;
  /** Class names in the order of their numbers, where the labels are classes. */
  classes: string[] | undefined;
  /** Rows of each split. */
  split: Record<SplitName, number>;
  /**
   * Rows at positions from `from` to below `to` of a split. Positions of `train` are in the order of that epoch; the
   * other splits have one order.
   *
   * @param inputName the name of the model's data input
   */
  read(split: SplitName, epoch: number, from: number, to: number, inputName: string): Promise<Rows>;
  close(): Promise<void>;
}
