import { create } from '@bufbuild/protobuf';
import type { Attributes } from '../../onnx/attributes.ts';
import { elementTypes } from '../../onnx/element-types.ts';
import { GraphBuilder } from '../../onnx/graph-builder.ts';
import type { Dimension } from '../../onnx/model.ts';
import { type NodeProto, NodeProtoSchema } from '../../onnx/onnx.gen.ts';
import { graphNames, type RandomInput } from '../training-graph.ts';
import { namePrefix } from './model-checks.ts';
import type { Values } from './values.ts';

/** A value in the graph, or a float32 scalar. */
export type Operand = string | number;

/** Writes a training graph; knows the shapes of the model's values, which are those of their gradients too. */
export class GradientBuilder extends GraphBuilder {
  /** What the graph takes beside data: see `RandomInput`. */
  readonly randoms: RandomInput[] = [];
  readonly #values: Values;

  constructor(values: Values) {
    super(namePrefix);
    this.#values = values;
  }

  /** Of a value of the model. */
  shape(name: string): Dimension[] {
    const value = this.#values.get(name);
    if (!value) throw new Error(`${name} is no value of the model`);
    return value.shape;
  }

  /** The elements of a value of the model that is the same for every batch. */
  constant(name: string): number[] | undefined {
    return this.#values.get(name)?.constant;
  }

  isFloat(name: string): boolean {
    return this.#values.get(name)?.elementType === elementTypes.FLOAT;
  }

  /** Uniform numbers in [0, 1) of their own. @param shape with the rows, -1, first */
  newRandom(shape: number[]): string {
    const name = graphNames.random(this.randoms.length);
    this.randoms.push({ name, shape });
    return name;
  }

  /** Adds a node whose inputs may be numbers. */
  apply(operator: string, operands: readonly Operand[], attributes: Attributes = {}): string {
    return this.add(
      operator,
      operands.map((operand) => this.#named(operand)),
      attributes,
    );
  }

  /** Adds a node that is there already, in the model. */
  addNode(node: Pick<NodeProto, 'opType' | 'domain' | 'input' | 'output' | 'attribute'>): void {
    this.nodes.push(create(NodeProtoSchema, { ...node, name: node.output.find((name) => name !== '') ?? '' }));
  }

  /** Adds a node that does to other inputs what a node of the model does, and gives one output. */
  addLike({ opType, domain, attribute }: NodeProto, input: string[]): string {
    const output = this.newName(opType);
    this.addNode({ opType, domain, input, output: [output], attribute });
    return output;
  }

  plus(a: Operand, b: Operand): string {
    return this.apply('Add', [a, b]);
  }

  minus(a: Operand, b: Operand): string {
    return this.apply('Sub', [a, b]);
  }

  times(a: Operand, b: Operand): string {
    return this.apply('Mul', [a, b]);
  }

  over(a: Operand, b: Operand): string {
    return this.apply('Div', [a, b]);
  }

  square(a: string): string {
    return this.times(a, a);
  }

  /** The sum of one value or more, in this order. */
  sum(terms: readonly string[]): string {
    const [first, second, ...more] = terms;
    if (first === undefined) throw new Error('a sum needs a term');
    if (second === undefined) return first;
    return more.length === 0 ? this.plus(first, second) : this.apply('Sum', terms);
  }

  /** Of a condition: 1 where it holds, 0 elsewhere. */
  toFloat(value: string): string {
    return this.add('Cast', [value], { to: { int: elementTypes.FLOAT } });
  }

  where(condition: string, a: Operand, b: Operand): string {
    return this.apply('Where', [condition, a, b]);
  }

  /** @param keep whether the axes stay, with size 1 */
  reduce(operator: string, value: string, axes: readonly number[], keep: boolean): string {
    if (axes.length === 0) return value;
    return this.add(operator, [value, this.ints(axes)], { keepdims: { int: keep ? 1 : 0 } });
  }

  reshape(value: string, shape: readonly number[]): string {
    return this.add('Reshape', [value, this.ints(shape)]);
  }

  /** The value in the shape of a value of the model that has as many elements. */
  reshapeLike(value: string, model: string): string {
    return this.add('Reshape', [value, this.shapeAsInput(model)]);
  }

  /** A broadcast of the value to the shape of a value of the model. */
  expandLike(value: Operand, model: string): string {
    const shape = this.shape(model);
    const known = shape.every((size) => typeof size === 'number');
    return this.apply('Expand', [value, known ? this.ints(shape) : this.add('Shape', [model])]);
  }

  zerosLike(model: string): string {
    const shape = this.shape(model);
    const known = shape.every((size) => typeof size === 'number');
    return this.add('ConstantOfShape', [known ? this.ints(shape) : this.add('Shape', [model])]);
  }

  transpose(value: string, perm: readonly number[]): string {
    if (perm.every((axis, index) => axis === index)) return value;
    return this.add('Transpose', [value], { perm: { ints: perm } });
  }

  /** Matrices in the last two axes, each transposed or not without a copy. */
  matmul(a: string, b: string, { transA = false, transB = false } = {}): string {
    if (!transA && !transB) return this.add('MatMul', [a, b]);
    const attributes = { transA: { int: transA ? 1 : 0 }, transB: { int: transB ? 1 : 0 } };
    return this.add('FusedMatMul', [a, b], attributes, { domain: 'com.microsoft' });
  }

  /** The gradient of an operand that was broadcast: its sum over what the operand was repeated along. */
  unbroadcast(gradient: string, from: string, operand: string): string {
    const [whole, part] = [this.shape(from), this.shape(operand)];
    const added = whole.length - part.length;
    const repeated = whole.flatMap((size, axis) => {
      const own = axis < added ? 1 : part[axis - added];
      return own === 1 && size !== 1 ? [axis] : [];
    });
    if (repeated.length === 0 && added === 0) return gradient;
    if (repeated.every((axis) => axis >= added) && added === 0)
      return this.reduce('ReduceSum', gradient, repeated, true);
    const leading = Array.from({ length: added }, (_, axis) => axis);
    const sum = this.reduce('ReduceSum', gradient, [...new Set([...leading, ...repeated])], false);
    return repeated.every((axis) => axis < added) ? sum : this.reshapeLike(sum, operand);
  }

  /** The shape of a value of the model, for a Reshape: a constant where all dimensions but one are. */
  shapeAsInput(model: string): string {
    const shape = this.shape(model);
    const open = shape.filter((size) => typeof size !== 'number').length;
    if (open > 1 || shape.includes(0)) return this.add('Shape', [model]);
    return this.ints(shape.map((size) => (typeof size === 'number' ? size : -1)));
  }

  #named(operand: Operand): string {
    return typeof operand === 'number' ? this.scalar(operand) : operand;
  }
}
