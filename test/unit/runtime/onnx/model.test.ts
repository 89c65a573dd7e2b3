import { create } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { describe, expect, test } from '@jest/globals';
import { intsAttribute, textAttribute } from '../../../../runtime/onnx/attributes.ts';
import { elementTypes } from '../../../../runtime/onnx/element-types.ts';
import { GraphBuilder } from '../../../../runtime/onnx/graph-builder.ts';
import { decodeModel, encodeModel, newModel, opsetOf, shapeOf, tensorInfo } from '../../../../runtime/onnx/model.ts';
import { TensorProtoSchema } from '../../../../runtime/onnx/onnx.gen.ts';
import { floatTensor, int64Tensor, readFloats, readInts } from '../../../../runtime/onnx/tensors.ts';

function smallModel(): Uint8Array {
  const builder = new GraphBuilder('made.');
  const kernel = builder.floats([1, 1, 3, 3], new Float32Array(9).fill(0.5));
  const attributes = { strides: { ints: [2, 1] }, auto_pad: { text: 'SAME_UPPER' } };
  builder.add('Conv', ['x', kernel], attributes, { outputs: ['y'] });
  const inputs = [tensorInfo('x', 'FLOAT', ['batch', 1, undefined, 8])];
  const outputs = [tensorInfo('y', 'FLOAT', ['batch', 1, undefined, 8])];
  return encodeModel(
    newModel({ opset: 17, nodes: builder.nodes, initializers: builder.initializers, inputs, outputs }),
  );
}

describe('a model', () => {
  test('is read as it was written: nodes, attributes, constants, open dimensions and the opset', () => {
    const model = decodeModel(smallModel());
    const [node] = model.graph.node;
    if (!node) throw new Error('no node');
    expect([node.opType, node.input, node.output]).toEqual(['Conv', ['x', model.graph.initializer[0]?.name], ['y']]);
    expect(intsAttribute(node, 'strides')).toEqual([2, 1]);
    expect(intsAttribute(node, 'pads')).toBeUndefined();
    expect(textAttribute(node, 'auto_pad')).toBe('SAME_UPPER');
    expect(model.graph.input.map(shapeOf)).toEqual([['batch', 1, undefined, 8]]);
    expect(opsetOf(model)).toBe(17);
  });

  test('keeps the fields that we do not know, byte for byte', () => {
    const unknown = new BinaryWriter().tag(99, WireType.LengthDelimited).string('from the future').finish();
    const bytes = Buffer.concat([smallModel(), unknown]);
    expect(Buffer.compare(encodeModel(decodeModel(bytes)), bytes)).toBe(0);
  });

  test('that is something else is refused with a code', () => {
    const text = new TextEncoder().encode('{"no": "model"}');
    expect(() => decodeModel(text)).toThrow(expect.objectContaining({ code: 'InvalidModel' }));
    expect(() => decodeModel(new Uint8Array())).toThrow('it has no graph');
  });
});

describe('the elements of a tensor', () => {
  test('are read wherever they lie in the bytes of the model', () => {
    const values = Float32Array.of(1, -2.5, 3e-20);
    const { rawData } = floatTensor('w', [3], values);
    for (const offset of [0, 1, 2, 3]) {
      const shifted = new Uint8Array(rawData.length + offset);
      shifted.set(rawData, offset);
      const tensor = { ...floatTensor('w', [3], values), rawData: shifted.subarray(offset) };
      expect(readFloats(tensor)).toEqual(values);
    }
  });

  test('are read from the field for their type as from raw bytes', () => {
    const tensor = (init: object) => create(TensorProtoSchema, { name: 'w', dims: [2n], ...init });
    expect(readFloats(tensor({ dataType: elementTypes.FLOAT, floatData: [1, 2] }))).toEqual(Float32Array.of(1, 2));
    expect(readInts(tensor({ dataType: elementTypes.INT64, int64Data: [1n, -2n] }))).toEqual([1, -2]);
    expect(readInts(tensor({ dataType: elementTypes.INT32, int32Data: [3, -4] }))).toEqual([3, -4]);
    expect(readInts(int64Tensor('w', [2], [5, -6]))).toEqual([5, -6]);
  });

  test('that are too few, or of another type, are refused with the name of the tensor', () => {
    expect(() => readFloats(floatTensor('w', [4], Float32Array.of(1)))).toThrow('"w" does not have as many elements');
    const half = create(TensorProtoSchema, { name: 'h', dims: [1n], dataType: elementTypes.FLOAT16 });
    expect(() => readFloats(half)).toThrow('"h" has the element type FLOAT16, not FLOAT');
    const odd = { ...floatTensor('w', [1], Float32Array.of(1)), rawData: new Uint8Array(3) };
    expect(() => readFloats(odd)).toThrow(expect.objectContaining({ code: 'InvalidModel' }));
  });
});

describe('a graph builder', () => {
  test('stores equal constants once, and names no two values alike', () => {
    const builder = new GraphBuilder('made.');
    expect(builder.scalar(0.5)).toBe(builder.scalar(0.5));
    expect(builder.ints([1, 2])).toBe(builder.ints([1, 2]));
    const names = [builder.scalar(0), builder.scalar(1), builder.ints([1]), builder.ints(1), builder.ints([12])];
    const outputs = [builder.add('Relu', ['x']), builder.add('Relu', ['x']), ...builder.addMany('Split', ['x'], 2)];
    const all = [...names, ...outputs];
    expect(new Set(all).size).toBe(all.length);
  });
});
