import { describe, expect, test } from '@jest/globals';
import type { Attributes } from '../../../../runtime/onnx/attributes.ts';
import { GraphSession } from './graph-session.ts';
import { type ModelWriter, smallModel } from './small-model.ts';

/** The gradients of the sum of all elements of what `body` makes of weights, by the name of the weight. */
async function slopes(body: (writer: ModelWriter) => string): Promise<Record<string, number[]>> {
  const model = smallModel({ input: ['n', 1], output: ['n', 1] }, (writer) => {
    const sum = writer.node('total', 'ReduceSum', [body(writer)], { keepdims: { int: 0 } });
    return writer.node('shifted', 'Add', ['x', sum]);
  });
  const label = { kind: 'Values', width: 1 } as const;
  const session = await GraphSession.open(model, { loss: 'MeanSquaredError', freeze: [], label });
  const inputs = [{ name: 'x', shape: [1, 1], data: Float32Array.of(0) }];
  const { predictions } = await session.evaluate({ inputs, labels: Float32Array.of(0) });
  // There the slope of the squared error by the sum is 1.
  const labels = predictions.map((sum) => sum - 0.5);
  const outputs = await session.step({ inputs, labels });
  const named = session.graph.layout.entries.map(({ name }) => [name, [...(outputs.get(name) ?? [])]]);
  await session.close();
  return Object.fromEntries(named) as Record<string, number[]>;
}

interface Kink {
  operator: string;
  attributes?: Attributes;
  shape?: number[];
  values: number[];
  /** Scalars. */
  settings?: number[];
  expected: number[];
}

const window = { kernel_shape: { ints: [2] }, strides: { ints: [2] } };
const overlapping = { kernel_shape: { ints: [3] }, strides: { ints: [1] }, pads: { ints: [1, 1] } };

/** What PyTorch's operators say where the slope jumps. */
const kinks: Kink[] = [
  { operator: 'Relu', values: [-1, 0, 1], expected: [0, 0, 1] },
  { operator: 'LeakyRelu', attributes: { alpha: { float: 0.5 } }, values: [-1, 0, 1], expected: [0.5, 0.5, 1] },
  { operator: 'Elu', values: [0, 1], expected: [1, 1] },
  { operator: 'Selu', values: [-1, 2], expected: [0.646765, 1.0507] },
  { operator: 'Celu', values: [-1, 0, 2], expected: [Math.exp(-1), 1, 1] },
  { operator: 'ThresholdedRelu', values: [0.5, 1, 1.5], expected: [0, 0, 1] },
  { operator: 'Shrink', values: [-1, -0.4, 0.4, 0.6], expected: [1, 0, 0, 1] },
  { operator: 'HardSwish', values: [-4, 0, 4], expected: [0, 0.5, 1] },
  { operator: 'Abs', values: [-2, 0, 2], expected: [-1, 0, 1] },
  {
    operator: 'HardSigmoid',
    attributes: { alpha: { float: 0.5 }, beta: { float: 0.5 } },
    values: [-1, 0, 1],
    expected: [0, 0.5, 0],
  },
  { operator: 'Clip', values: [-2, -1, 0, 1, 2], settings: [-1, 1], expected: [0, 1, 1, 1, 0] },
  { operator: 'ReduceMax', values: [3, 1, 3], expected: [0.5, 0, 0.5] },
  { operator: 'ReduceMin', values: [3, 1, 3], expected: [0, 1, 0] },
  { operator: 'ReduceL2', values: [0, 0], expected: [0, 0] },
  { operator: 'ReduceProd', values: [2, 0, 3], expected: [0, 6, 0] },
  { operator: 'ReduceProd', values: [2, 0, 0], expected: [0, 0, 0] },
  { operator: 'Pow', values: [0, 2], settings: [2], expected: [0, 4] },
  { operator: 'MaxPool', attributes: window, shape: [1, 1, 4], values: [2, 2, 0, 0], expected: [1, 0, 1, 0] },
  { operator: 'MaxPool', attributes: overlapping, shape: [1, 1, 3], values: [1, 1, 1], expected: [2, 1, 0] },
  { operator: 'GlobalMaxPool', shape: [1, 1, 3], values: [5, 5, 1], expected: [0.5, 0.5, 0] },
];

describe('where the slope of an operator jumps, it is that of PyTorch', () => {
  test.each(kinks.map((kink) => [`${kink.operator} of [${kink.values.join()}]`, kink] as const))(
    '%s',
    async (_, { operator, attributes, shape, values, settings = [], expected }) => {
      const gradients = await slopes((writer) => {
        const scalars = settings.map((value) => writer.builder.scalar(value));
        const weight = writer.weight('w', shape ?? [values.length], values);
        return writer.node('result', operator, [weight, ...scalars], attributes);
      });
      expect(gradients.w).toEqual(expected.map((slope) => expect.closeTo(slope, 5) as unknown));
    },
  );

  test.each(['Max', 'Min'])('equal operands of a %s share the gradient', async (operator) => {
    const gradients = await slopes((writer) =>
      writer.node('result', operator, [writer.weight('a', [2], [1, 2]), writer.weight('b', [2], [1, 3])]),
    );
    const [first, second] = operator === 'Max' ? [0, 1] : [1, 0];
    expect(gradients).toEqual({ a: [0.5, first], b: [0.5, second] });
  });
});

/** As the standard describes its operator Gradient, of the domain ai.onnx.preview.training. */
describe("ONNX's own examples of gradients", () => {
  const [a, b] = [1.25, -0.75];

  test('of c = a + b: dc/da = 1 and dc/db = 1', async () => {
    const gradients = await slopes((writer) =>
      writer.node('c', 'Add', [writer.weight('a', [1], [a]), writer.weight('b', [1], [b])]),
    );
    expect(gradients).toEqual({ a: [1], b: [1] });
  });

  test('of d = a (a + b): dd/da = 2 a + b and dd/db = a', async () => {
    const gradients = await slopes((writer) => {
      const sum = writer.node('c', 'Add', [writer.weight('a', [1], [a]), writer.weight('b', [1], [b])]);
      return writer.node('d', 'Mul', [sum, 'a']);
    });
    expect(gradients).toEqual({ a: [2 * a + b], b: [a] });
  });
});
