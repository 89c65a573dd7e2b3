import { initializer, onnxModel } from '../../test/support/onnx-builder.ts';

/** A model and the tensor that is sent to it. Its input is `x`, its output `y`; both are FLOAT. */
export interface Payload {
  name: string;
  model: Uint8Array;
  shape: number[];
  data: Float32Array;
  /** The first element of `y`. */
  answer: number;
}

type Dimensions = (number | string)[];

const value = (name: string, shape: Dimensions) => ({ name, type: 'FLOAT' as const, shape });

/** Numbers with as many digits as pixels and measurements have, the same in every run. */
const numbers = (count: number): Float32Array => Float32Array.from({ length: count }, (_, index) => Math.sin(index));

const mean = (data: Float32Array): number => data.reduce((sum, element) => sum + element, 0) / data.length;

/** FLOAT [n, width] times a square matrix of its own, `layers` times; each makes every element the mean of its row. */
function chain(name: string, width: number, layers: number): Payload {
  const label = (index: number): string => (index === 0 ? 'x' : index === layers ? 'y' : `h${index}`);
  const model = onnxModel({
    nodes: Array.from({ length: layers }, (_, index) => ({
      op: 'MatMul',
      inputs: [label(index), `w${index}`],
      outputs: [label(index + 1)],
    })),
    initializers: Array.from({ length: layers }, (_, index) =>
      initializer.float(`w${index}`, new Array<number>(width * width).fill(1 / width), [width, width]),
    ),
    inputs: [value('x', ['n', width])],
    outputs: [value('y', ['n', width])],
  });
  const data = numbers(width);
  return { name, model, shape: [1, width], data, answer: mean(data) };
}

/** FLOAT [n, 3, side, side] to the mean of each channel: hardly any arithmetic, so that moving the tensor is what counts. */
function image(name: string, side: number): Payload {
  const model = onnxModel({
    nodes: [{ op: 'GlobalAveragePool', inputs: ['x'], outputs: ['y'] }],
    inputs: [value('x', ['n', 3, side, side])],
    outputs: [value('y', ['n', 3, 1, 1])],
  });
  const data = numbers(3 * side * side);
  return { name, model, shape: [1, 3, side, side], data, answer: mean(data.subarray(0, side * side)) };
}

export const payloads = {
  /** 16 bytes, and a run of microseconds. */
  tiny: chain('a tiny model', 4, 1),
  /** 602,112 bytes, as an image for a classifier. */
  image: image('600 KB of image', 224),
  /** 16 KB and some milliseconds. Its weights are larger than a cache, and are read once for one row or many: a model that batches. */
  slow: chain('a model of milliseconds', 4_096, 2),
};
