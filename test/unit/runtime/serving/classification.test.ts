import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { encodeTensor, splitBytes, type TensorDataType, type TensorElements } from '../../../../lib/tensor-codec.ts';
import { classified } from '../../../../runtime/serving/classification.ts';

const tensor = (dataType: TensorDataType, shape: number[], elements: TensorElements) => ({
  name: 'scores',
  dataType,
  shape,
  data: encodeTensor(dataType, elements),
});

const texts = (data: Uint8Array): string[] => (splitBytes(data) ?? []).map((bytes) => Buffer.from(bytes).toString());

describe('an output as its highest classes', () => {
  test('has a list for each row of a model that batches', () => {
    const scores = tensor('FP32', [2, 3], Float32Array.of(0.5, 3.25, -1, 7, 7, 8));
    const { dataType, shape, data } = classified(scores, 2, true);
    expect({ dataType, shape }).toEqual({ dataType: 'BYTES', shape: [2, 2] });
    expect(texts(data)).toEqual(['3.25:1', '0.5:0', '8:2', '7:0']);
  });

  test('has one list for all elements of a model that does not batch', () => {
    const { shape, data } = classified(tensor('INT64', [2, 2], [1, 5, 10, 4]), 3, false);
    expect(shape).toEqual([3]);
    expect(texts(data)).toEqual(['10:2', '5:1', '4:3']);
  });

  test('has no more classes than there are', () => {
    const { shape, data } = classified(tensor('UINT32', [1, 2], [4_294_967_295, 0]), 5, true);
    expect(shape).toEqual([1, 2]);
    expect(texts(data)).toEqual(['4294967295:0', '0:1']);
  });

  test('puts what is no number last', () => {
    const { data } = classified(tensor('FP16', [3], Float32Array.of(NaN, -Infinity, 2)), 3, false);
    expect(texts(data)).toEqual(['2:2', 'NaN:0', '-Infinity:1']);
  });

  test('names every FP32 value so that reading it gives the same value', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const [text = ''] = texts(classified(tensor('FP32', [1], Float32Array.of(value)), 1, false).data);
        expect(Math.fround(Number(text.split(':')[0]))).toBe(value === 0 ? 0 : value);
      }),
    );
  });

  test('is refused for what has no order', () => {
    expect(() => classified(tensor('BYTES', [1], ['a']), 1, false)).toThrow(/"scores" is BYTES/);
    expect(() => classified(tensor('BOOL', [1], [true]), 1, false)).toThrow(/"scores" is BOOL/);
  });
});
