import type { Attributes } from '../../../../runtime/onnx/attributes.ts';
import { GraphBuilder } from '../../../../runtime/onnx/graph-builder.ts';
import { type Dimension, encodeModel, newModel, tensorInfo } from '../../../../runtime/onnx/model.ts';
import type { ValueInfoProto } from '../../../../runtime/onnx/onnx.gen.ts';
import { floatTensor } from '../../../../runtime/onnx/tensors.ts';

export interface SmallModel {
  opset?: number;
  /** Shape of the input `x`, with the rows. */
  input: Dimension[];
  output: Dimension[];
  inputs?: ValueInfoProto[];
}

/** Writes a model with the input `x` and the output `y`: `body` gives the value that `y` is. */
export function smallModel(
  { opset = 17, input, output, inputs = [tensorInfo('x', 'FLOAT', input)] }: SmallModel,
  body: (model: ModelWriter) => string,
): Uint8Array {
  const writer = new ModelWriter();
  writer.builder.add('Identity', [body(writer)], {}, { outputs: ['y'] });
  const { nodes, initializers } = writer.builder;
  return encodeModel(newModel({ opset, nodes, initializers, inputs, outputs: [tensorInfo('y', 'FLOAT', output)] }));
}

export class ModelWriter {
  readonly builder = new GraphBuilder('m.');

  /** A weight of these elements, or of a fixed pattern of them. */
  weight(name: string, shape: number[], values?: readonly number[]): string {
    const count = shape.reduce((product, size) => product * size, 1);
    const data = values ?? Array.from({ length: count }, (_, index) => ((index * 7) % 11) / 10 - 0.45);
    this.builder.initializers.push(floatTensor(name, shape, Float32Array.from(data)));
    return name;
  }

  /** A node with a name of its own, whose output has that name too. */
  node(name: string, operator: string, inputs: readonly string[], attributes: Attributes = {}): string {
    return this.builder.add(operator, inputs, attributes, { outputs: [name] });
  }
}
