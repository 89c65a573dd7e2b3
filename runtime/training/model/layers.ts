import type { Attributes } from '../../onnx/attributes.ts';
import { GraphBuilder } from '../../onnx/graph-builder.ts';
import { encodeModel, newModel, tensorInfo } from '../../onnx/model.ts';
import type { TensorProto } from '../../onnx/onnx.gen.ts';
import { floatTensor } from '../../onnx/tensors.ts';
import type { Activation } from '../../training-contract.ts';
import { notTrainable } from '../autodiff/refusal.ts';
import type { DataInput, LabelSpec } from '../training-graph.ts';
import { initialWeights } from './initial-weights.ts';

/** The version of ONNX's operators that models are written for: every runtime of today reads it. */
const opset = 18;

/** An ONNX model is one protocol buffer, which holds no more; some of it is not weights. */
const maxElements = 2 ** 29 - 2 ** 20;

/** What a model is built for. */
export interface BuiltFor {
  features: DataInput;
  label: LabelSpec;
  seed: number;
}

/** Stacks layers on the data's features. Names of weights are those of their layer, as PyTorch names them. */
export class Layers {
  readonly #graph = new GraphBuilder('');
  readonly #for: BuiltFor;
  readonly #field: string;
  #value: string;
  /** Of `#value`, without the rows. */
  #shape: number[];
  /** Makers of the weights: how many there are is known before the first is made. */
  readonly #weights: (() => TensorProto)[] = [];
  #elements = 0;

  /** @param field of the job's spec that asks for the model */
  constructor(builtFor: BuiltFor, field: string) {
    const { name, shape, dataType } = builtFor.features;
    if (dataType !== 'FP32') {
      throw notTrainable(
        `${field} is built for numbers, and the data are ${dataType}; set spec.train.model.uri to a model that takes them.`,
      );
    }
    this.#for = builtFor;
    this.#field = field;
    this.#value = name;
    this.#shape = shape.slice(1);
  }

  flatten(): void {
    if (this.#shape.length !== 1) this.#node('Flatten', 'flat', { axis: { int: 1 } });
    this.#shape = [product(this.#shape)];
  }

  /** A fully connected layer on what was flattened. */
  linear(name: string, width: number): void {
    this.#gemm(name, name, width);
  }

  /** A convolution of images that keeps their size. Without a bias where a normalization follows, which has its own. */
  convolution(name: string, channels: number, kernelSize: number, bias: boolean): void {
    const [inputs = 0, height = 0, width = 0] = this.#shape;
    const fanIn = inputs * kernelSize ** 2;
    const parameters = [this.#random(`${name}.weight`, [channels, inputs, kernelSize, kernelSize], fanIn)];
    if (bias) parameters.push(this.#random(`${name}.bias`, [channels], fanIn));
    const before = Math.floor((kernelSize - 1) / 2);
    const after = kernelSize - 1 - before;
    const attributes = {
      kernel_shape: { ints: [kernelSize, kernelSize] },
      pads: { ints: [before, before, after, after] },
    };
    this.#node('Conv', name, attributes, parameters);
    this.#shape = [channels, height, width];
  }

  batchNormalization(name: string): void {
    const [channels = 0] = this.#shape;
    const parameters = Object.entries({ weight: 1, bias: 0, running_mean: 0, running_var: 1 }).map(([part, value]) =>
      this.#constant(`${name}.${part}`, [channels], value),
    );
    this.#node('BatchNormalization', name, { epsilon: { float: 1e-5 }, momentum: { float: 0.9 } }, parameters);
  }

  activation(name: string, activation: Activation): void {
    this.#node(activation, name);
  }

  /** Halves the height and the width of images, each as far as it can be halved. */
  maxPool(name: string): void {
    const [channels = 0, height = 0, width = 0] = this.#shape;
    const window = [Math.min(2, height), Math.min(2, width)];
    if (height * width === 1) return;
    this.#node('MaxPool', name, { kernel_shape: { ints: window }, strides: { ints: window } });
    this.#shape = [channels, ...[height, width].map((size) => Math.max(1, Math.floor(size / 2)))];
  }

  /** Drops nothing where the model serves. */
  dropout(name: string, ratio: number): void {
    if (ratio > 0) this.#node('Dropout', name, {}, [this.#constant(`${name}.ratio`, [], ratio)]);
  }

  /** Adds the last layer, `logits` of classes or `predictions` of values, and ends the model. */
  finish(): Uint8Array {
    const { features, label } = this.#for;
    const [name, width] = label.kind === 'Classes' ? ['logits', label.classes] : ['predictions', label.width];
    this.#gemm('output', name, width);
    if (this.#elements > maxElements) {
      throw notTrainable(
        `${this.#field} comes to ${this.#elements} weights for this data, more than the ${maxElements} that an ONNX file holds; make its layers narrower, or the data smaller.`,
      );
    }
    const model = newModel({
      opset,
      nodes: this.#graph.nodes,
      initializers: this.#weights.map((make) => make()),
      inputs: [tensorInfo(features.name, 'FLOAT', ['batch', ...features.shape.slice(1)])],
      outputs: [tensorInfo(name, 'FLOAT', ['batch', width])],
    });
    return encodeModel(model);
  }

  #gemm(name: string, output: string, width: number): void {
    const [inputs = 0] = this.#shape;
    const parameters = [
      this.#random(`${name}.weight`, [width, inputs], inputs),
      this.#random(`${name}.bias`, [width], inputs),
    ];
    this.#node('Gemm', output, { transB: { int: 1 } }, parameters);
    this.#shape = [width];
  }

  #node(operator: string, output: string, attributes: Attributes = {}, parameters: readonly string[] = []): void {
    this.#value = this.#graph.add(operator, [this.#value, ...parameters], attributes, { outputs: [output] });
  }

  #random(name: string, shape: readonly number[], fanIn: number): string {
    const length = product(shape);
    this.#elements += length;
    this.#weights.push(() => floatTensor(name, shape, initialWeights(this.#for.seed, name, length, fanIn)));
    return name;
  }

  #constant(name: string, shape: readonly number[], value: number): string {
    this.#weights.push(() => floatTensor(name, shape, new Float32Array(product(shape)).fill(value)));
    return name;
  }
}

const product = (shape: readonly number[]): number => shape.reduce((all, size) => all * size, 1);
