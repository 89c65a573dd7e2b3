import type { Selection } from './local-model.ts';
import type { QuickshiftOptions } from './quickshift.ts';

/** By the names of their papers' packages. */
export const methods = ['kernel_shap', 'lime'] as const;
export type Method = (typeof methods)[number];

/** What LIME alone is asked. */
export interface LimeOptions {
  /** The most features that a local model uses: 10 unless said, all of an image. */
  features?: number;
  /** `auto` unless said. */
  selection?: Selection;
  /** 0.75 √features for rows of numbers, 25 for texts and 0.25 for images unless said. */
  kernelWidth?: number;
  /** Whether numbers are explained by the quarter of the background that they lie in; true unless said. */
  discretize?: boolean;
}

interface Asked {
  method: Method;
  /** A whole number; the same one gives the same answer. */
  seed: number;
  /** How many perturbed instances an explanation is made of. Unless said: `automaticSamples` of KernelSHAP; 5,000 of LIME, 1,000 for images. */
  samples?: number;
  /** Which outputs of the model are explained; all unless said. */
  outputs?: readonly number[];
  /** In place of `outputs`: for each instance so many, those with its highest predictions. */
  topOutputs?: number;
  lime?: LimeOptions;
}

/** Explains rows of numbers by their features. */
export interface TabularRequest extends Asked {
  kind: 'tabular';
  /** Numbers in a row. */
  features: number;
  /** [count, features] */
  rows: Float32Array;
  /**
   * [n, features]: rows like those that the model was trained on. KernelSHAP puts their values in the place of what it takes away and needs
   * n runs for each sample, so tens of rows are enough; LIME reads quartiles and frequencies off them, so it wants many.
   */
  background: Float32Array;
  /** Features whose numbers are names of categories, for LIME. */
  categorical?: readonly number[];
}

/** Explains texts by their words. A word that occurs more than once is one feature, taken away everywhere at once. */
export interface TextRequest extends Asked {
  kind: 'text';
  texts: readonly string[];
}

/** Explains images by regions of similar pixels. */
export interface ImageRequest extends Asked {
  kind: 'image';
  /** [count, height, width, channels], of red, green and blue or of grey. */
  pixels: Float32Array;
  height: number;
  width: number;
  channels: number;
  /** What full brightness is; 255 unless said. */
  white?: number;
  /** [count, height, width]: which region each pixel is in, numbered from 0; found by quickshift unless said. */
  segments?: Int32Array;
  /** How regions are looked for: unless said as LIME's package does, with a smaller kernel and distance for images below 224 × 224. */
  quickshift?: Partial<Omit<QuickshiftOptions, 'white'>>;
  /** [channels]: what takes the place of a region; the mean of its pixels unless said. */
  hideColor?: readonly number[];
}

export type ExplainRequest = TabularRequest | TextRequest | ImageRequest;

/** What it is about a feature that a coefficient of LIME weighs: that it lies in a range, or has a value. */
export interface Condition {
  above?: number;
  upTo?: number;
  equals?: number;
}

/** A word of a text, and where it stands: offsets in UTF-16 units. */
export interface Word {
  word: string;
  at: number[];
}

export interface Explanation {
  method: Method;
  seed: number;
  rows: number;
  /** The most that an instance has. */
  features: number;
  outputs: number;
  /** [rows, features, outputs]. Instances with fewer features have zeros at the end. */
  attributions: Float64Array;
  /** [rows, outputs]: what attributions are added to. The mean over the background, or a local model's intercept. */
  baseValues: Float64Array;
  /** [rows, outputs]: what the model gives for the instances. */
  predictions: Float64Array;
  /** [rows, outputs]: the output of the model that is explained. */
  outputIndices: Int32Array;
  /**
   * [rows, outputs]: how far what the explanation gives for the instance is from the prediction, relative to the larger of base value and
   * prediction. What KernelSHAP gives is base value and attributions added up; LIME's local models need not meet the prediction.
   */
  additivityError: Float64Array;
  /** LIME's, [rows, outputs]: the weighted R² of the local models, and what they give for the instance. */
  local?: { scores: Float64Array; predictions: Float64Array };
  /** Rows that the model was run on. */
  evaluations: number;
  /** [rows][features], of LIME on rows of numbers. */
  conditions?: Condition[][];
  /** [rows][features], of texts. */
  words?: Word[][];
  /** [rows, height, width], of images. */
  segments?: Int32Array;
}
