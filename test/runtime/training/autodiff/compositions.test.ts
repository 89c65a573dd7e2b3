import { describe, expect, test } from '@jest/globals';
import { seededRandom } from '../../../support/random.ts';
import { checkWeights } from './gradient-check.ts';
import { GraphSession } from './graph-session.ts';
import { type ModelWriter, smallModel } from './small-model.ts';

const [rows, tolerance, step] = [3, 2e-3, 0.01];

const ints = (...values: number[]) => ({ ints: values });

interface Composition {
  what: string;
  /** Of a row. */
  input: number[];
  width: number;
  opset?: number;
  body: (writer: ModelWriter) => string;
}

/** Heads of attention over a sequence, with the reshapes that exporters compute from the shape of the input. */
function attention(writer: ModelWriter): string {
  const [length, heads, size] = [3, 2, 2];
  const { builder } = writer;
  const batch = writer.node('batch', 'Gather', [writer.node('shape', 'Shape', ['x']), builder.ints([0])]);
  const split = writer.node('split', 'Concat', [batch, builder.ints([length, heads, size])], { axis: { int: 0 } });
  const joined = writer.node('joined', 'Concat', [batch, builder.ints([length, heads * size])], { axis: { int: 0 } });
  const projected = (name: string, perm: number[]): string => {
    const product = writer.node(`${name}.product`, 'MatMul', ['x', writer.weight(`${name}.w`, [4, heads * size])]);
    const biased = writer.node(`${name}.biased`, 'Add', [product, writer.weight(`${name}.b`, [heads * size])]);
    const parts = writer.node(`${name}.parts`, 'Reshape', [biased, split]);
    return writer.node(name, 'Transpose', [parts], { perm: { ints: perm } });
  };
  const [queries, keys, values] = [
    projected('q', [0, 2, 1, 3]),
    projected('k', [0, 2, 3, 1]),
    projected('v', [0, 2, 1, 3]),
  ];
  const scores = writer.node('scores', 'Mul', [writer.node('qk', 'MatMul', [queries, keys]), builder.scalar(0.7)]);
  const weights = writer.node('weights', 'Softmax', [scores], { axis: { int: -1 } });
  const mixed = writer.node('mixed', 'Transpose', [writer.node('av', 'MatMul', [weights, values])], {
    perm: ints(0, 2, 1, 3),
  });
  const flat = writer.node('flat', 'Reshape', [mixed, joined]);
  const sum = writer.node('sum', 'Add', ['x', writer.node('out', 'MatMul', [flat, writer.weight('o.w', [4, 4])])]);
  const norm = writer.node('norm', 'LayerNormalization', [
    sum,
    writer.weight('scale', [4]),
    writer.weight('shift', [4]),
  ]);
  return writer.node('pooled', 'ReduceMean', [norm], { axes: ints(1), keepdims: { int: 0 } });
}

/** A depthwise and a pointwise convolution, and channels that are weighted by what they hold. */
function squeezeAndExcite(writer: ModelWriter): string {
  const depthwise = writer.node('depthwise', 'Conv', ['x', writer.weight('d', [3, 1, 3, 3])], {
    group: { int: 3 },
    pads: ints(1, 1, 1, 1),
  });
  const pointwise = writer.node('pointwise', 'Conv', [
    depthwise,
    writer.weight('p', [4, 3, 1, 1]),
    writer.weight('pb', [4]),
  ]);
  const active = writer.node('active', 'HardSwish', [pointwise]);
  const squeezed = writer.node('squeezed', 'GlobalAveragePool', [active]);
  const gate = writer.node('gate', 'Sigmoid', [
    writer.node('excited', 'Conv', [squeezed, writer.weight('e', [4, 4, 1, 1])]),
  ]);
  return writer.node('flat', 'Flatten', [writer.node('scaled', 'Mul', [active, gate])]);
}

/** Down by a pooling, up by a transposed convolution, and joined with what was there before. */
function skipConnection(writer: ModelWriter): string {
  const first = writer.node('first', 'Conv', ['x', writer.weight('a', [2, 1, 3, 3])], { pads: ints(1, 1, 1, 1) });
  const softened = writer.node('softened', 'Tanh', [first]);
  const down = writer.node('down', 'AveragePool', [softened], { kernel_shape: ints(2, 2), strides: ints(2, 2) });
  const up = writer.node('up', 'ConvTranspose', [down, writer.weight('b', [2, 2, 2, 2])], { strides: ints(2, 2) });
  const joined = writer.node('joined', 'Concat', [softened, up], { axis: { int: 1 } });
  const last = writer.node('last', 'Conv', [joined, writer.weight('c', [1, 4, 1, 1])]);
  return writer.node('flat', 'Flatten', [last]);
}

const compositions: Composition[] = [
  { what: 'attention with a normalisation', input: [3, 4], width: 4, body: attention },
  { what: 'a block that weighs its channels', input: [3, 4, 4], width: 64, body: squeezeAndExcite },
  { what: 'a network that goes down and up again', input: [1, 4, 4], width: 16, body: skipConnection },
  {
    what: 'a weight that is used three times',
    input: [3],
    width: 3,
    body: (writer) => {
      const shared = writer.weight('shared', [3, 3]);
      const once = writer.node('once', 'Tanh', [writer.node('product', 'MatMul', ['x', shared])]);
      const twice = writer.node('twice', 'MatMul', [once, shared]);
      const square = writer.node('square', 'Mul', [twice, twice]);
      return writer.node('sum', 'Sum', [
        once,
        twice,
        square,
        writer.node('thrice', 'Gemm', [square, shared], { transB: { int: 1 } }),
      ]);
    },
  },
  {
    what: 'rows that are compared with their mean and their maximum',
    input: [2],
    width: 2,
    body: (writer) => {
      const hidden = writer.node('hidden', 'MatMul', ['x', writer.weight('w', [2, 2])]);
      const mean = writer.node('mean', 'ReduceMean', [hidden], { axes: ints(0) });
      const norm = writer.node('norm', 'ReduceL2', [hidden], { axes: ints(0, 1), keepdims: { int: 0 } });
      return writer.node('ratio', 'Div', [writer.node('centred', 'Sub', [hidden, mean]), norm]);
    },
  },
  {
    what: 'parts of rows that are rows of their own for a while',
    input: [6],
    width: 4,
    body: (writer) => {
      const pieces = writer.node('pieces', 'Reshape', ['x', writer.builder.ints([-1, 3])]);
      const hidden = writer.node('hidden', 'Gemm', [pieces, writer.weight('w', [3, 2]), writer.weight('b', [2])]);
      const active = writer.node('active', 'Softplus', [hidden]);
      return writer.node('rejoined', 'Reshape', [active, writer.builder.ints([-1, 4])]);
    },
  },
  {
    what: 'the activation that exporters write out',
    input: [5],
    width: 5,
    body: (writer) => {
      const hidden = writer.node('hidden', 'Mul', ['x', writer.weight('w', [5])]);
      const erf = writer.node('erf', 'Erf', [writer.node('over', 'Div', [hidden, writer.builder.scalar(Math.SQRT2)])]);
      const above = writer.node('above', 'Mul', [hidden, writer.node('one', 'Add', [erf, writer.builder.scalar(1)])]);
      return writer.node('half', 'Mul', [above, writer.builder.scalar(0.5)]);
    },
  },
  {
    what: 'the normalisation that exporters write out',
    input: [5],
    width: 5,
    body: (writer) => {
      const hidden = writer.node('hidden', 'Add', ['x', writer.weight('w', [5])]);
      const axes = { axes: ints(-1) };
      const centred = writer.node('centred', 'Sub', [hidden, writer.node('mean', 'ReduceMean', [hidden], axes)]);
      const square = writer.node('square', 'Pow', [centred, writer.builder.scalar(2)]);
      const variance = writer.node('variance', 'ReduceMean', [square], axes);
      const spread = writer.node('spread', 'Sqrt', [
        writer.node('safe', 'Add', [variance, writer.builder.scalar(1e-5)]),
      ]);
      const scaled = writer.node('scaled', 'Mul', [
        writer.node('norm', 'Div', [centred, spread]),
        writer.weight('scale', [5]),
      ]);
      return writer.node('shifted', 'Add', [scaled, writer.weight('bias', [5])]);
    },
  },
];

describe('gradients of whole models agree with finite differences', () => {
  test.each(compositions.map((one) => [one.what, one] as const))(
    '%s',
    async (_, { input, width, opset = 17, body }) => {
      const model = smallModel({ opset, input: ['n', ...input], output: ['n', width] }, body);
      const label = { kind: 'Values', width } as const;
      const session = await GraphSession.open(model, { loss: 'MeanSquaredError', freeze: [], label });
      const random = seededRandom(13);
      const some = (count: number): Float32Array =>
        Float32Array.from({ length: count }, () => random.integer(2_001) / 1_000 - 1);
      const size = input.reduce((product, one) => product * one, rows);
      const inputs = [{ name: 'x', shape: [rows, ...input], data: some(size) }];
      const errors = await checkWeights(session, { inputs, labels: some(rows * width) }, step);
      expect(errors.filter(({ error, length }) => !(error < tolerance) || length === 0)).toEqual([]);
      await session.close();
    },
  );
});
