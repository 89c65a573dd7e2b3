import { GraphBuilder } from '../../../../runtime/onnx/graph-builder.ts';
import { encodeModel, newModel, tensorInfo } from '../../../../runtime/onnx/model.ts';
import { floatTensor } from '../../../../runtime/onnx/tensors.ts';
import { seededRandom } from '../../../support/random.ts';

/** Blocks of each stage, and whether a block is a bottleneck of three convolutions. */
const depths = {
  18: { blocks: [2, 2, 2, 2], isBottleneck: false },
  50: { blocks: [3, 4, 6, 3], isBottleneck: true },
} as const;

export interface ResNetShape {
  depth: keyof typeof depths;
  /** Channels of the first stage: 64 in the papers. */
  width: number;
  /** Of the images, in pixels. */
  size: number;
  classes: number;
}

/** A residual network, node by node as in the papers, with random weights: input `image` [batch, 3, size, size], output `logits`. */
export function resNet({ depth, width: base, size, classes }: ResNetShape): Uint8Array {
  const { blocks, isBottleneck } = depths[depth];
  const network = new Network();
  let value = network.normalized('stem', network.convolution('stem', 'image', 3, base, 7, 2), base, true);
  const pool = { kernel_shape: { ints: [3, 3] }, strides: { ints: [2, 2] }, pads: { ints: [1, 1, 1, 1] } };
  value = network.builder.add('MaxPool', [value], pool);
  let channels = base;
  for (const [stage, count] of blocks.entries()) {
    for (let block = 0; block < count; block++) {
      const width = base * 2 ** stage;
      const stride = stage > 0 && block === 0 ? 2 : 1;
      const output = isBottleneck ? width * 4 : width;
      const name = `layer${stage + 1}.${block}`;
      const body = isBottleneck
        ? network.bottleneck(name, value, channels, width, stride)
        : network.basic(name, value, channels, width, stride);
      const isSame = stride === 1 && channels === output;
      const projected = (): string => network.convolution(`${name}.skip`, value, channels, output, 1, stride);
      const skip = isSame ? value : network.normalized(`${name}.skip`, projected(), output, false);
      value = network.builder.add('Relu', [network.builder.add('Add', [body, skip])]);
      channels = output;
    }
  }
  const pooled = network.builder.add('Flatten', [network.builder.add('GlobalAveragePool', [value])]);
  const head = [network.weight('fc.weight', [classes, channels], channels), network.filled('fc.bias', classes, 0)];
  network.builder.add('Gemm', [pooled, ...head], { transB: { int: 1 } }, { outputs: ['logits'] });
  const { nodes, initializers } = network.builder;
  const inputs = [tensorInfo('image', 'FLOAT', ['batch', 3, size, size])];
  return encodeModel(
    newModel({ opset: 17, nodes, initializers, inputs, outputs: [tensorInfo('logits', 'FLOAT', ['batch', classes])] }),
  );
}

class Network {
  readonly builder = new GraphBuilder('n.');
  readonly #random = seededRandom(3);

  weight(name: string, shape: number[], fanIn: number): string {
    const count = shape.reduce((product, size) => product * size, 1);
    const bound = Math.sqrt(6 / fanIn);
    const values = Float32Array.from({ length: count }, () => (this.#random.integer(2_001) / 1_000 - 1) * bound);
    this.builder.initializers.push(floatTensor(name, shape, values));
    return name;
  }

  filled(name: string, length: number, value: number): string {
    this.builder.initializers.push(floatTensor(name, [length], new Float32Array(length).fill(value)));
    return name;
  }

  convolution(name: string, input: string, from: number, to: number, kernel: number, stride: number): string {
    const weight = this.weight(`${name}.weight`, [to, from, kernel, kernel], from * kernel * kernel);
    const pad = (kernel - 1) / 2;
    const attributes = { strides: { ints: [stride, stride] }, pads: { ints: [pad, pad, pad, pad] } };
    return this.builder.add('Conv', [input, weight], attributes);
  }

  normalized(name: string, input: string, channels: number, isActivated: boolean): string {
    const [scale, bias] = [this.filled(`${name}.scale`, channels, 1), this.filled(`${name}.bias`, channels, 0)];
    const statistics = [this.filled(`${name}.mean`, channels, 0), this.filled(`${name}.variance`, channels, 1)];
    const value = this.builder.add('BatchNormalization', [input, scale, bias, ...statistics]);
    return isActivated ? this.builder.add('Relu', [value]) : value;
  }

  basic(name: string, input: string, from: number, width: number, stride: number): string {
    const first = this.convolution(`${name}.1`, input, from, width, 3, stride);
    const second = this.convolution(`${name}.2`, this.normalized(`${name}.1`, first, width, true), width, width, 3, 1);
    return this.normalized(`${name}.2`, second, width, false);
  }

  bottleneck(name: string, input: string, from: number, width: number, stride: number): string {
    const first = this.convolution(`${name}.1`, input, from, width, 1, 1);
    const second = this.convolution(
      `${name}.2`,
      this.normalized(`${name}.1`, first, width, true),
      width,
      width,
      3,
      stride,
    );
    const third = this.convolution(
      `${name}.3`,
      this.normalized(`${name}.2`, second, width, true),
      width,
      width * 4,
      1,
      1,
    );
    return this.normalized(`${name}.3`, third, width * 4, false);
  }
}
