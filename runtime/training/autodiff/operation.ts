import { floatAttribute, intAttribute, intsAttribute, textAttribute } from '../../onnx/attributes.ts';
import type { Dimension } from '../../onnx/model.ts';
import type { NodeProto } from '../../onnx/onnx.gen.ts';
import type { TrainingFailure } from '../../errors.ts';
import type { GradientBuilder } from './gradient-builder.ts';
import { nodeLabel, notTrainable } from './refusal.ts';

/** What training does to the values of the model. */
export interface Analysis {
  /** Whether a value depends on what is trained, and the loss on the value. */
  isActive: (name: string) => boolean;
  /** Whether a value is a running statistic, renewed from each batch. */
  isStatistic: (name: string) => boolean;
}

/** A node of the model, as a rule sees it. */
export class Operation {
  readonly node: NodeProto;
  readonly graph: GradientBuilder;
  readonly #analysis: Analysis;
  #outputs: readonly string[];

  constructor(node: NodeProto, graph: GradientBuilder, analysis: Analysis) {
    this.node = node;
    this.graph = graph;
    this.#analysis = analysis;
    this.#outputs = node.output;
  }

  get inputs(): readonly string[] {
    return this.node.input;
  }

  /** Those of the node, and then what the training form of the rule keeps for the gradients. */
  get outputs(): readonly string[] {
    return this.#outputs;
  }

  set outputs(names: readonly string[]) {
    this.#outputs = names;
  }

  /** Adds the node to the training graph, with so many outputs at least: the model may do without some. Returns them. */
  keep(outputs = 0): readonly string[] {
    const { opType, input, output, attribute, domain } = this.node;
    const named = Array.from({ length: Math.max(outputs, output.length) }, (_, index) =>
      (output[index] ?? '') === '' && index < outputs ? this.graph.newName(opType) : (output[index] ?? ''),
    );
    this.graph.addNode({ opType, domain, input, output: named, attribute });
    return named;
  }

  has(index: number): boolean {
    return (this.inputs[index] ?? '') !== '';
  }

  input(index: number): string {
    const name = this.inputs[index] ?? '';
    if (name === '') throw this.refusal(`has no input ${index}`, 'export the model again');
    return name;
  }

  output(index: number): string {
    const name = this.#outputs[index] ?? '';
    if (name === '') throw new Error(`${nodeLabel(this.node)} has no output ${index}`);
    return name;
  }

  /** Whether the gradient of an input is asked for. */
  needs(index: number): boolean {
    return this.has(index) && this.#analysis.isActive(this.input(index));
  }

  /** Whether an input is a running statistic, renewed from each batch. */
  isStatistic(index: number): boolean {
    return this.has(index) && this.#analysis.isStatistic(this.input(index));
  }

  /** Of an input. */
  shape(index: number): Dimension[] {
    return this.graph.shape(this.input(index));
  }

  rank(index: number): number {
    return this.shape(index).length;
  }

  /** The size of an input along an axis, which must be the same for every batch. */
  size(index: number, axis: number): number {
    const size = this.shape(index)[axis];
    if (typeof size === 'number') return size;
    throw this.refusal(
      `works along dimension ${axis} of ${JSON.stringify(this.input(index))}, whose size depends on the batch`,
      'export the model with fixed dimensions after the rows',
    );
  }

  /** Counted from the first dimension of an input. */
  axis(attribute: string, absent: number): number {
    const axis = this.int(attribute, absent);
    return axis < 0 ? axis + this.rank(0) : axis;
  }

  int(attribute: string, absent: number): number {
    return intAttribute(this.node, attribute) ?? absent;
  }

  ints(attribute: string): number[] | undefined {
    return intsAttribute(this.node, attribute);
  }

  float(attribute: string, absent: number): number {
    return floatAttribute(this.node, attribute) ?? absent;
  }

  text(attribute: string, absent: string): string {
    return textAttribute(this.node, attribute) ?? absent;
  }

  /** The elements of an input that must be the same for every batch; undefined where it is left out. */
  constant(index: number): number[] | undefined {
    if (!this.has(index)) return undefined;
    const elements = this.graph.constant(this.input(index));
    if (elements) return elements;
    throw this.refusal(
      `takes ${JSON.stringify(this.input(index))}, which is no constant`,
      'export the model with a constant there',
    );
  }

  /** @param cure what to do about it */
  refusal(what: string, cure: string): TrainingFailure {
    return notTrainable(`${nodeLabel(this.node)} ${what}; ${cure}.`);
  }
}

/** The gradient of each input, in their order; undefined where none was asked for or none flows. */
export type Gradients = readonly (string | undefined)[];

interface Common {
  /** Adds the node to the training graph, where that is not just the node itself, and says its outputs. */
  trainingForm?: (operation: Operation) => readonly string[];
  /** Inputs that are settings: a weight that is given there is not trained. */
  settings?: readonly number[];
}

/** How gradients flow back through an operator. */
export type Rule = Common &
  (
    | { gradients: (operation: Operation, gradient: string) => Gradients }
    /** For operators of which more than the first output has a gradient; undefined where that output has none. */
    | { gradientsOfAll: (operation: Operation, gradients: Gradients) => Gradients }
    /** The output is constant almost everywhere: nothing flows back. */
    | { stops: true }
  );
