import { describe, expect, test } from '@jest/globals';
import { encodeTensor } from '../../../../lib/tensor-codec.ts';
import type { TensorSignature } from '../../../../runtime/contract.ts';
import { parseInstances, predictionsOf } from '../../../../runtime/serving/rest/instances.ts';

const x: TensorSignature = { name: 'x', dataType: 'FP32', shape: [-1, 2] };
const label: TensorSignature = { name: 'label', dataType: 'BYTES', shape: [-1] };
const parse = (body: unknown, signature: TensorSignature[]): ReturnType<typeof parseInstances> =>
  parseInstances(Buffer.from(JSON.stringify(body)), signature);
const floats = (...values: number[]): Uint8Array => encodeTensor('FP32', Float32Array.from(values));

describe('instances', () => {
  test('are the rows of the only input', () => {
    const [only] = parse({ instances: [[1, 2], [3, 4], [5, 6]] }, [x]).inputs; // prettier-ignore
    expect(only).toEqual({ name: 'x', dataType: 'FP32', shape: [3, 2], data: floats(1, 2, 3, 4, 5, 6) });
  });

  test('may name their inputs', () => {
    const instances = [
      { x: [1, 2], label: 'a' },
      { label: 'b', x: [3, 4] },
    ];
    const { inputs } = parse({ instances }, [x, label]);
    expect(inputs.map(({ name, shape }) => [name, shape])).toEqual([
      ['x', [2, 2]],
      ['label', [2]],
    ]);
    expect(inputs[0]?.data).toEqual(floats(1, 2, 3, 4));
  });

  test('hold bytes as base64', () => {
    const instances = [{ b64: Buffer.from([0, 255, 1]).toString('base64') }, 'text'];
    const [only] = parse({ instances }, [label]).inputs;
    expect(only?.data).toEqual(encodeTensor('BYTES', [Uint8Array.of(0, 255, 1), 'text']));
  });

  test.each([
    ['no field', {}, [x], /either instances.* or inputs/],
    ['both fields', { instances: [[1, 2]], inputs: [[1, 2]] }, [x], /either instances.* or inputs/],
    ['no rows', { instances: [] }, [x], /^instances: must be a list of at least one row/],
    ['no list', { instances: 3 }, [x], /^instances: must be a list/],
    [
      'a number of several inputs',
      { instances: [3] },
      [x, label],
      /^instances: the model has several inputs.*"x", "label"/,
    ],
    [
      'other names in another row',
      { instances: [{ x: [1, 2] }, { y: [1, 2] }] },
      [x],
      /^instances\[1\]: must have the same names/,
    ],
    ['an unknown name', { instances: [{ y: [1, 2] }] }, [x], /^instances: the model has no input "y"/],
    ['ragged rows', { instances: [[1, 2], [3]] }, [x], /^x\[1\]: has 1 elements where the shape needs 2/],
    ['no base64', { instances: [{ b64: '*' }] }, [label], /^instances: a b64 is not base64/],
    ['a text for a number', { inputs: [['a', 'b']] }, [x], /^x\[0\]\[0\]: must be a number/],
  ] as const)('with %s are refused with the field', (_, body, signature, message) => {
    expect(() => parse(body, [...signature])).toThrow(message);
  });
});

describe('predictions', () => {
  const y = { name: 'y', dataType: 'FP32' as const, shape: [2, 2], data: floats(1, 2, 3, 4) };
  const score = { name: 'score', dataType: 'FP32' as const, shape: [2], data: floats(0.5, 0.25) };

  test('are the rows of one output, or an object for each row of several', () => {
    expect(JSON.parse(predictionsOf([y], false))).toEqual({ predictions: [[1, 2], [3, 4]] }); // prettier-ignore
    expect(JSON.parse(predictionsOf([y, score], false))).toEqual({
      predictions: [
        { y: [1, 2], score: 0.5 },
        { y: [3, 4], score: 0.25 },
      ],
    });
  });

  test('are whole outputs where whole inputs came', () => {
    expect(JSON.parse(predictionsOf([score], true))).toEqual({ outputs: [0.5, 0.25] });
    expect(JSON.parse(predictionsOf([y, score], true))).toEqual({
      outputs: { y: [[1, 2], [3, 4]], score: [0.5, 0.25] }, // prettier-ignore
    });
  });

  test('need a row for each instance', () => {
    expect(() => predictionsOf([y, { ...score, shape: [] }], false)).toThrow(/do not have a row for each instance/);
  });
});
