import { bertEncoder } from './bert-encoder.ts';
import { initializer, onnxModel, type Graph, type Initializer } from './onnx-builder.ts';
import { seededRandom, type Random } from './random.ts';
import type { NamedArray } from './safetensors.ts';

/** Networks of the sizes that people serve, with weights of a seed: nothing is downloaded, and the same seed gives the same bytes. */

/** ResNet-50 without its normalizations, 25.5 million parameters: `x` FLOAT [n, 3, 224, 224] to `logits` FLOAT [n, 1000]. Architecture: He et al., 2015. */
export function resNet50(seed: number): Uint8Array {
  const random = seededRandom(seed);
  const nodes: Graph['nodes'] = [];
  const initializers: Initializer[] = [];
  const weight = (shape: number[], inputs: number, gain: number): string => {
    const name = `w${initializers.length}`;
    initializers.push(floats(name, shape, uniform(random, shape, gain * Math.sqrt(6 / inputs))));
    return name;
  };
  const node = (op: string, inputs: string[], attributes: Graph['nodes'][number]['attributes'] = []): string => {
    const output = `v${nodes.length}`;
    nodes.push({ op, inputs, outputs: [output], attributes });
    return output;
  };
  const windows = (size: number, stride: number) => [
    { name: 'kernel_shape', ints: [size, size] },
    { name: 'strides', ints: [stride, stride] },
    { name: 'pads', ints: Array<number>(4).fill((size - 1) >> 1) },
  ];
  const convolution = (x: string, [from, to]: [number, number], size: number, stride = 1, gain = 1): string =>
    node(
      'Conv',
      [x, weight([to, from, size, size], from * size * size, gain), weight([to], 1, 0.01)],
      windows(size, stride),
    );

  let x = node('MaxPool', [node('Relu', [convolution('x', [3, 64], 7, 2)])], windows(3, 2));
  let width = 64;
  for (const [stage, blocks] of [3, 4, 6, 3].entries()) {
    const inner = 64 * 2 ** stage;
    for (let block = 0; block < blocks; block++) {
      const stride = block === 0 && stage > 0 ? 2 : 1;
      const shortcut = block === 0 ? convolution(x, [width, inner * 4], 1, stride, 0.7) : x;
      const first = node('Relu', [convolution(x, [width, inner], 1)]);
      const second = node('Relu', [convolution(first, [inner, inner], 3, stride)]);
      // What a trained network keeps in bounds by normalizing.
      const third = convolution(second, [inner, inner * 4], 1, 1, 0.3);
      x = node('Relu', [node('Add', [third, shortcut])]);
      width = inner * 4;
    }
  }
  const pooled = node('Flatten', [node('GlobalAveragePool', [x])]);
  nodes.push({ op: 'Gemm', inputs: [pooled, weight([width, 1000], width, 1)], outputs: ['logits'] });
  return onnxModel({
    nodes,
    initializers,
    inputs: [{ name: 'x', type: 'FLOAT', shape: ['n', 3, 224, 224] }],
    outputs: [{ name: 'logits', type: 'FLOAT', shape: ['n', 1000] }],
  });
}

/** As many words as `miniLmSized` knows. */
export const vocabulary = 1_000;

/** An encoder of the sizes of all-MiniLM-L6-v2 but for a small vocabulary; see `bertEncoder` for its inputs and its output. */
export function miniLmSized(seed: number): Uint8Array {
  const random = seededRandom(seed);
  const [width, inner, layers] = [384, 1_536, 6];
  const weights = new Map<string, NamedArray>();
  const add = (name: string, shape: number[], limit: number): unknown =>
    weights.set(name, { shape, data: uniform(random, shape, limit) });
  const dense = (name: string, from: number, to: number): void => {
    add(`${name}.weight`, [to, from], Math.sqrt(3 / from));
    add(`${name}.bias`, [to], 0.1);
  };
  const norm = (name: string): void => {
    weights.set(`${name}.weight`, { shape: [width], data: new Float32Array(width).fill(1) });
    add(`${name}.bias`, [width], 0.1);
  };
  for (const [name, rows] of Object.entries({ word: vocabulary, position: 512, token_type: 2 }))
    add(`embeddings.${name}_embeddings.weight`, [rows, width], 1);
  norm('embeddings.LayerNorm');
  for (let layer = 0; layer < layers; layer++) {
    const name = `encoder.layer.${layer}`;
    for (const part of ['query', 'key', 'value']) dense(`${name}.attention.self.${part}`, width, width);
    dense(`${name}.attention.output.dense`, width, width);
    norm(`${name}.attention.output.LayerNorm`);
    dense(`${name}.intermediate.dense`, width, inner);
    dense(`${name}.output.dense`, inner, width);
    norm(`${name}.output.LayerNorm`);
  }
  const sizes = { hidden_size: width, num_attention_heads: 12, num_hidden_layers: layers, layer_norm_eps: 1e-12 };
  return bertEncoder(weights, sizes);
}

/** `x` FLOAT [n] to `y` FLOAT []: the largest product of two elements, over a table of n × n. */
export function largestProduct(): Uint8Array {
  return onnxModel({
    nodes: [
      { op: 'Unsqueeze', inputs: ['x', 'first'], outputs: ['row'] },
      { op: 'Unsqueeze', inputs: ['x', 'second'], outputs: ['column'] },
      { op: 'Mul', inputs: ['row', 'column'], outputs: ['table'] },
      { op: 'ReduceMax', inputs: ['table'], outputs: ['y'], attributes: [{ name: 'keepdims', int: 0 }] },
    ],
    initializers: [initializer.int64('first', [0], [1]), initializer.int64('second', [1], [1])],
    inputs: [{ name: 'x', type: 'FLOAT', shape: ['n'] }],
    outputs: [{ name: 'y', type: 'FLOAT', shape: [] }],
  });
}

/** `x` INT64 [n, 1] to `y` FLOAT [n]: the numbers 0, 10, 20 and 30 at these places. */
export function pickedByPlace(): Uint8Array {
  return onnxModel({
    nodes: [{ op: 'GatherND', inputs: ['numbers', 'x'], outputs: ['y'] }],
    initializers: [initializer.float('numbers', [0, 10, 20, 30], [4])],
    inputs: [{ name: 'x', type: 'INT64', shape: ['n', 1] }],
    outputs: [{ name: 'y', type: 'FLOAT', shape: ['n'] }],
  });
}

function uniform(random: Random, shape: readonly number[], limit: number): Float32Array {
  const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
  for (let index = 0; index < values.length; index++) values[index] = limit * (random.integer(2 ** 24) / 2 ** 23 - 1);
  return values;
}

const floats = (name: string, shape: number[], values: Float32Array): Initializer => ({
  name,
  type: 'FLOAT',
  shape,
  raw: new Uint8Array(values.buffer),
});
