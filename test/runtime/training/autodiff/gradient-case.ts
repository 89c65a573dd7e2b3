import { create } from '@bufbuild/protobuf';
import type { Attributes } from '../../../../runtime/onnx/attributes.ts';
import { elementTypes } from '../../../../runtime/onnx/element-types.ts';
import { GraphBuilder } from '../../../../runtime/onnx/graph-builder.ts';
import { encodeModel, newModel, tensorInfo } from '../../../../runtime/onnx/model.ts';
import { type TensorProto, TensorProtoSchema, type ValueInfoProto } from '../../../../runtime/onnx/onnx.gen.ts';
import { floatTensor, int64Tensor } from '../../../../runtime/onnx/tensors.ts';
import { seededRandom } from '../../../support/random.ts';

/** From where the elements of an operand are: around 0, above 0, between -1 and 1, or above 1. */
type Range = 'any' | 'positive' | 'inside' | 'aboveOne';

/** An operand of the operator under test. */
export type Operand =
  /** A weight of this shape, whose gradient is checked. */
  | { kind: 'weight'; shape: number[]; range: Range }
  /** Data of this shape behind the rows, plus a weight of that shape, whose gradient is checked. */
  | { kind: 'rows'; shape: number[]; range: Range }
  | { kind: 'ints'; shape: number[]; values: number[] }
  | { kind: 'floats'; shape: number[]; values: number[] }
  | { kind: 'bools'; shape: number[]; values: number[] }
  | { kind: 'absent' };

export const weight = (shape: number[], range: Range = 'any'): Operand => ({ kind: 'weight', shape, range });
export const rows = (shape: number[], range: Range = 'any'): Operand => ({ kind: 'rows', shape, range });
export const ints = (...values: number[]): Operand => ({ kind: 'ints', shape: [values.length], values });
export const intTensor = (shape: number[], values: number[]): Operand => ({ kind: 'ints', shape, values });
export const floats = (...values: number[]): Operand => ({ kind: 'floats', shape: [values.length], values });
export const scalar = (value: number): Operand => ({ kind: 'floats', shape: [], values: [value] });
export const bools = (shape: number[], values: number[]): Operand => ({ kind: 'bools', shape, values });
export const absent: Operand = { kind: 'absent' };

export interface CaseOptions {
  attributes?: Attributes;
  opset?: number;
  /** How many outputs the operator has, and which of them the loss depends on. */
  outputs?: { count: number; used: number[] };
  /** Tells cases of the same operator and shapes apart. */
  note?: string;
  /** Names of operands that are frozen: `w` and their place. */
  freeze?: string[];
}

/** A model of one operator between its operands and the output, and a batch for it. */
export interface GradientCase {
  name: string;
  operator: string;
  attributes: Attributes;
  /** Predictions are the elements of what the operator gives, [rows, width]. */
  model: Uint8Array;
  /** The model's data inputs, float32. */
  inputs: { name: string; shape: number[]; data: Float32Array }[];
  rows: number;
  /** Names of weights. */
  freeze: string[];
  /** Elements may move by so much, in steps of finite differences, before the operator meets a kink. */
  step: number;
}

const caseRows = 3;

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

/** Operators whose slope jumps: no element may cross a jump, and no maximum change hands, within a step. */
const kinked =
  /^(Abs|.*Relu|.*Elu|Selu|Celu|Hard.*|Soft?sign|Shrink|Clip|Max.*|Min|GlobalMaxPool|Reduce(Max|Min|L1)|TopK|LpNormalization)$/;

/** How far apart the elements of an operand are from each other and, in the first operand, twice as far as from 0. */
const gapOf = (count: number): number => Math.min(0.1, 2 / count);

/** Distinct numbers in a random order. */
function elements(count: number, operand: number, range: Range): Float32Array {
  const random = seededRandom(operand + 1);
  const gap = gapOf(count);
  // Those of another operand lie between them.
  const shift = 0.5 + operand / 4;
  const values = Array.from({ length: count }, (_, index) => (index - Math.floor(count / 2) + shift) * gap);
  for (let index = count - 1; index > 0; index--) {
    const other = random.integer(index + 1);
    [values[index], values[other]] = [values[other] ?? 0, values[index] ?? 0];
  }
  const largest = Math.max(...values.map(Math.abs), 1e-9);
  const placed = {
    any: (value: number) => value,
    positive: (value: number) => 0.4 + (value + largest) / 2,
    inside: (value: number) => (0.8 * value) / largest,
    aboveOne: (value: number) => 1.3 + (value + largest) / 2,
  };
  return Float32Array.from(values, placed[range]);
}

const boolTensor = (name: string, shape: readonly number[], values: readonly number[]): TensorProto =>
  create(TensorProtoSchema, {
    name,
    dims: shape.map(BigInt),
    dataType: elementTypes.BOOL,
    rawData: Uint8Array.from(values),
  });

/** The case of an operator on its operands. */
export function gradientCase(operator: string, operands: readonly Operand[], options: CaseOptions = {}): GradientCase {
  const { attributes = {}, opset = 21, outputs = { count: 1, used: [0] }, note, freeze = [] } = options;
  const builder = new GraphBuilder('case.');
  const declared: ValueInfoProto[] = [];
  const inputs: GradientCase['inputs'] = [];
  const addInput = (name: string, shape: number[], data: Float32Array): void => {
    inputs.push({ name, shape: [caseRows, ...shape], data });
    declared.push(tensorInfo(name, 'FLOAT', ['batch', ...shape]));
  };
  const addWeight = (name: string, shape: number[], data: Float32Array): void => {
    builder.initializers.push(floatTensor(name, shape, data));
  };
  let smallestGap = Infinity;
  const names = operands.map((operand, index) => {
    const [name, data] = [`w${index}`, `x${index}`];
    if (operand.kind === 'absent') return '';
    const { shape } = operand;
    const count = sizeOf(shape);
    if (operand.kind === 'ints') builder.initializers.push(int64Tensor(name, shape, operand.values));
    if (operand.kind === 'bools') builder.initializers.push(boolTensor(name, shape, operand.values));
    if (operand.kind === 'floats') addWeight(name, shape, Float32Array.from(operand.values));
    if (operand.kind === 'weight') {
      addWeight(name, shape, elements(count, index, operand.range));
      smallestGap = Math.min(smallestGap, gapOf(count));
    }
    if (operand.kind !== 'rows') return name;
    addInput(data, shape, elements(caseRows * count, index, operand.range));
    addWeight(name, [1, ...shape], new Float32Array(count));
    smallestGap = Math.min(smallestGap, gapOf(caseRows * count));
    return builder.add('Add', [data, name]);
  });
  const results = builder.addMany(operator, names, outputs.count, attributes);
  const used = outputs.used.map((index) => results[index] ?? '');
  const hasRows = operands.some(({ kind }) => kind === 'rows');
  const flat = used.map((name) =>
    hasRows
      ? builder.add('Flatten', [name], { axis: { int: 1 } })
      : builder.add('Reshape', [name, builder.ints([1, -1])]),
  );
  const joined = flat.length === 1 ? (flat[0] ?? '') : builder.add('Concat', flat, { axis: { int: 1 } });
  if (hasRows) builder.add('Identity', [joined], {}, { outputs: ['predictions'] });
  else {
    addInput('x', [1], Float32Array.of(0.25, -0.5, 0.75));
    builder.add('Add', ['x', joined], {}, { outputs: ['predictions'] });
  }
  const model = newModel({
    opset,
    nodes: builder.nodes,
    initializers: builder.initializers,
    inputs: declared,
    outputs: [tensorInfo('predictions', 'FLOAT', ['batch', undefined])],
  });
  const name = caseName(operator, operands, attributes, [
    opset === 21 ? '' : `opset ${opset}`,
    note ?? '',
    freeze.length === 0 ? '' : `frozen ${freeze.join()}`,
  ]);
  return {
    name,
    operator,
    attributes,
    model: encodeModel(model),
    inputs,
    rows: caseRows,
    freeze,
    step: kinked.test(operator) ? smallestGap / 10 : 0.02,
  };
}

function caseName(
  operator: string,
  operands: readonly Operand[],
  attributes: Attributes,
  notes: readonly string[],
): string {
  const shapes = operands.map((operand) => {
    if (operand.kind === 'absent') return '-';
    if (operand.kind === 'rows') return `[${['rows', ...operand.shape].join()}]`;
    if (operand.kind === 'weight') return `[${operand.shape.join()}]`;
    return operand.values.length > 8 ? `(${operand.values.length} values)` : `(${operand.values.join()})`;
  });
  const settings = Object.entries(attributes).map(([name, value]) => `${name}=${String(Object.values(value)[0])}`);
  return [operator, shapes.join(' '), ...settings, ...notes].filter((part) => part !== '').join(' ');
}
