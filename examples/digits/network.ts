/**
 * A convolutional network for 28×28 grey images, with its gradients written out. Tensors are flat Float32Arrays in
 * channel, row, column order, one image at a time.
 */

const kernel = 5;
export const classes = 10;

/** image 1×28×28 → conv 8×24×24 → pool 8×12×12 → conv 16×8×8 → pool 16×4×4 → 10 classes */
const first = { channels: 1, size: 28, filters: 8 };
const second = { channels: 8, size: 12, filters: 16 };
const features = 256;

type Shape = typeof first;

/** Weights, or their gradients; shapes as ONNX has them. */
export interface Parameters {
  /** 8×1×5×5 and 8 */
  conv1: Float32Array;
  bias1: Float32Array;
  /** 16×8×5×5 and 16 */
  conv2: Float32Array;
  bias2: Float32Array;
  /** 10×256 and 10 */
  dense: Float32Array;
  bias3: Float32Array;
}

export const shapes: Record<keyof Parameters, number[]> = {
  conv1: [first.filters, first.channels, kernel, kernel],
  bias1: [first.filters],
  conv2: [second.filters, second.channels, kernel, kernel],
  bias2: [second.filters],
  dense: [classes, features],
  bias3: [classes],
};

export const parameterNames = Object.keys(shapes) as (keyof Parameters)[];

/** He initialisation for weights, zeros for biases. `random` is uniform in [0, 1). */
export function initialParameters(random: () => number): Parameters {
  const gaussian = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return parametersOf((shape) => {
    const inputs = shape.slice(1).reduce((product, size) => product * size, 1);
    const values = new Float32Array(inputs * (shape[0] ?? 0));
    return shape.length === 1 ? values : values.map(() => gaussian() * Math.sqrt(2 / inputs));
  });
}

export const zeroParameters = (): Parameters =>
  parametersOf((shape) => new Float32Array(shape.reduce((product, size) => product * size, 1)));

function parametersOf(make: (shape: number[]) => Float32Array): Parameters {
  return Object.fromEntries(parameterNames.map((name) => [name, make(shapes[name])])) as unknown as Parameters;
}

function convolve(input: Float32Array, weights: Float32Array, bias: Float32Array, shape: Shape): Float32Array {
  const { channels, size, filters } = shape;
  const out = size - kernel + 1;
  const output = new Float32Array(filters * out * out);
  for (let f = 0; f < filters; f++) {
    output.fill(bias[f] ?? 0, f * out * out, (f + 1) * out * out);
    for (let c = 0; c < channels; c++) {
      for (let ky = 0; ky < kernel; ky++) {
        for (let kx = 0; kx < kernel; kx++) {
          const weight = weights[((f * channels + c) * kernel + ky) * kernel + kx] ?? 0;
          for (let y = 0; y < out; y++) {
            const to = (f * out + y) * out;
            const from = (c * size + y + ky) * size + kx;
            for (let x = 0; x < out; x++) output[to + x] = (output[to + x] ?? 0) + weight * (input[from + x] ?? 0);
          }
        }
      }
    }
  }
  return output;
}

/** Adds the gradients of weights and bias; returns the input's where asked for. */
function convolveBack(
  input: Float32Array,
  weights: Float32Array,
  gradient: Float32Array,
  into: { weights: Float32Array; bias: Float32Array },
  shape: Shape,
  wantInput: boolean,
): Float32Array {
  const { channels, size, filters } = shape;
  const out = size - kernel + 1;
  const back = new Float32Array(wantInput ? input.length : 0);
  for (let f = 0; f < filters; f++) {
    let total = 0;
    for (let i = f * out * out; i < (f + 1) * out * out; i++) total += gradient[i] ?? 0;
    into.bias[f] = (into.bias[f] ?? 0) + total;
    for (let c = 0; c < channels; c++) {
      for (let ky = 0; ky < kernel; ky++) {
        for (let kx = 0; kx < kernel; kx++) {
          const at = ((f * channels + c) * kernel + ky) * kernel + kx;
          const weight = weights[at] ?? 0;
          let sum = 0;
          for (let y = 0; y < out; y++) {
            const to = (f * out + y) * out;
            const from = (c * size + y + ky) * size + kx;
            for (let x = 0; x < out; x++) sum += (gradient[to + x] ?? 0) * (input[from + x] ?? 0);
            if (wantInput)
              for (let x = 0; x < out; x++) back[from + x] = (back[from + x] ?? 0) + weight * (gradient[to + x] ?? 0);
          }
          into.weights[at] = (into.weights[at] ?? 0) + sum;
        }
      }
    }
  }
  return back;
}

/** Relu, then the maximum of each 2×2 square. `from` remembers which input won; -1: none was above zero. */
function pool(input: Float32Array, channels: number, size: number): { output: Float32Array; from: Int32Array } {
  const out = size / 2;
  const output = new Float32Array(channels * out * out);
  const from = new Int32Array(output.length).fill(-1);
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < size; y++) {
      for (let x = 0; x < size; x++) {
        const at = (c * size + y) * size + x;
        const to = (c * out + (y >> 1)) * out + (x >> 1);
        if ((input[at] ?? 0) > (output[to] ?? 0)) {
          output[to] = input[at] ?? 0;
          from[to] = at;
        }
      }
    }
  }
  return { output, from };
}

function poolBack(gradient: Float32Array, from: Int32Array, length: number): Float32Array {
  const back = new Float32Array(length);
  for (let i = 0; i < from.length; i++) if ((from[i] ?? 0) >= 0) back[from[i] ?? 0] = gradient[i] ?? 0;
  return back;
}

function forward(image: Float32Array, p: Parameters) {
  const conv1 = convolve(image, p.conv1, p.bias1, first);
  const pool1 = pool(conv1, first.filters, first.size - kernel + 1);
  const conv2 = convolve(pool1.output, p.conv2, p.bias2, second);
  const pool2 = pool(conv2, second.filters, second.size - kernel + 1);
  const logits = Float32Array.from(p.bias3, (bias, k) => {
    let sum = bias;
    for (let i = 0; i < features; i++) sum += (p.dense[k * features + i] ?? 0) * (pool2.output[i] ?? 0);
    return sum;
  });
  return { conv1, pool1, conv2, pool2, logits };
}

/** One score for each class, before softmax. `image` is 784 values from 0 to 1. */
export function logitsOf(image: Float32Array, parameters: Parameters): Float32Array {
  return forward(image, parameters).logits;
}

/** Adds the gradients of the cross entropy of one image to `into` and returns that loss. */
export function backward(image: Float32Array, label: number, p: Parameters, into: Parameters): number {
  const { conv1, pool1, conv2, pool2, logits } = forward(image, p);
  const highest = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - highest));
  const total = powers.reduce((sum, power) => sum + power, 0);
  const gradient = powers.map((power, k) => power / total - (k === label ? 1 : 0));
  const flat = new Float32Array(features);
  for (let k = 0; k < classes; k++) {
    into.bias3[k] = (into.bias3[k] ?? 0) + (gradient[k] ?? 0);
    for (let i = 0; i < features; i++) {
      into.dense[k * features + i] = (into.dense[k * features + i] ?? 0) + (gradient[k] ?? 0) * (pool2.output[i] ?? 0);
      flat[i] = (flat[i] ?? 0) + (gradient[k] ?? 0) * (p.dense[k * features + i] ?? 0);
    }
  }
  const back2 = poolBack(flat, pool2.from, conv2.length);
  const second2 = { weights: into.conv2, bias: into.bias2 };
  const back1 = convolveBack(pool1.output, p.conv2, back2, second2, second, true);
  const first1 = { weights: into.conv1, bias: into.bias1 };
  convolveBack(image, p.conv1, poolBack(back1, pool1.from, conv1.length), first1, first, false);
  return -Math.log((powers[label] ?? 0) / total);
}
