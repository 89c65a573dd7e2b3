/** Writes the trained network as an ONNX model: the few protobuf messages of onnx.proto that this needs. */
import { type Parameters, parameterNames, shapes } from './network.ts';

const irVersion = 8;
const opset = 17;
const float = 1;

type Field = [number: number, value: number | string | Uint8Array | Field[]];

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return [...bytes, rest];
}

function encode(fields: Field[]): Buffer {
  return Buffer.concat(
    fields.map(([number, value]) => {
      if (typeof value === 'number') return Buffer.from([...varint(number * 8), ...varint(value)]);
      const body = typeof value === 'string' ? Buffer.from(value) : value instanceof Uint8Array ? value : encode(value);
      return Buffer.concat([Buffer.from([...varint(number * 8 + 2), ...varint(body.length)]), body]);
    }),
  );
}

const ints = (name: string, values: number[]): Field[] => [
  [1, name],
  ...values.map((value): Field => [8, value]),
  [20, 7],
];
const int = (name: string, value: number): Field[] => [
  [1, name],
  [3, value],
  [20, 2],
];

function node(operator: string, inputs: string[], output: string, attributes: Field[][] = []): Field {
  return [
    1,
    [
      ...inputs.map((input): Field => [1, input]),
      [2, output],
      [3, output],
      [4, operator],
      ...attributes.map((attribute): Field => [5, attribute]),
    ],
  ];
}

function tensor(name: string, shape: number[], values: Float32Array): Field {
  const raw = Buffer.alloc(values.length * 4);
  values.forEach((value, index) => raw.writeFloatLE(value, index * 4));
  return [5, [...shape.map((size): Field => [1, size]), [2, float], [8, name], [9, raw]]];
}

function value(name: string, shape: (number | string)[]): Field[] {
  const dimensions = shape.map((size): Field => [1, [typeof size === 'number' ? [1, size] : [2, size]]]);
  return [
    [1, name],
    [
      2,
      [
        [
          1,
          [
            [1, float],
            [2, dimensions],
          ],
        ],
      ],
    ],
  ];
}

/** Input `image` [N,1,28,28], from 0 to 1; output `logits` [N,10]. */
export function onnxModel(parameters: Parameters): Buffer {
  const pooling = [ints('kernel_shape', [2, 2]), ints('strides', [2, 2])];
  const graph: Field[] = [
    node('Conv', ['image', 'conv1', 'bias1'], 'convolved1'),
    node('Relu', ['convolved1'], 'rectified1'),
    node('MaxPool', ['rectified1'], 'pooled1', pooling),
    node('Conv', ['pooled1', 'conv2', 'bias2'], 'convolved2'),
    node('Relu', ['convolved2'], 'rectified2'),
    node('MaxPool', ['rectified2'], 'pooled2', pooling),
    node('Flatten', ['pooled2'], 'features'),
    node('Gemm', ['features', 'dense', 'bias3'], 'logits', [int('transB', 1)]),
    [2, 'digits'],
    ...parameterNames.map((name) => tensor(name, shapes[name], parameters[name])),
    [11, value('image', ['N', 1, 28, 28])],
    [12, value('logits', ['N', 10])],
  ];
  return encode([
    [1, irVersion],
    [2, 'modelyard'],
    [7, graph],
    [8, [[2, opset]]],
  ]);
}
