import type { ElementType } from '../../runtime/onnx/element-types.ts';
import { initializer, onnxModel, type Value } from './onnx-builder.ts';

/** y = x, of any element type; the shape may name dynamic dimensions. */
export function identityModel(type: ElementType, shape: Value['shape'] = ['n']): Uint8Array {
  return onnxModel({
    nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
    inputs: [{ name: 'x', type, shape }],
    outputs: [{ name: 'y', type, shape }],
  });
}

/** sum = a + b and difference = a - b, FLOAT [n, 2]. */
export function sumAndDifferenceModel(): Uint8Array {
  const value = (name: string): Value => ({ name, type: 'FLOAT', shape: ['n', 2] });
  return onnxModel({
    nodes: [
      { op: 'Add', inputs: ['a', 'b'], outputs: ['sum'] },
      { op: 'Sub', inputs: ['a', 'b'], outputs: ['difference'] },
    ],
    inputs: [value('a'), value('b')],
    outputs: [value('sum'), value('difference')],
  });
}

/** y = x / sum of x over all rows: its rows cannot be merged with those of another request. FLOAT [n]. */
export function normalisingModel(): Uint8Array {
  const value = (name: string): Value => ({ name, type: 'FLOAT', shape: ['n'] });
  return onnxModel({
    nodes: [
      { op: 'ReduceSum', inputs: ['x'], outputs: ['total'], attributes: [{ name: 'keepdims', int: 0 }] },
      { op: 'Div', inputs: ['x', 'total'], outputs: ['y'] },
    ],
    inputs: [value('x')],
    outputs: [value('y')],
  });
}

/**
 * Counts in a Loop as often as the input `trips` (INT64 []) says and gives the count: as slow as one asks, down to
 * never ending.
 */
export function loopModel(): Uint8Array {
  const scalar = (name: string, type: ElementType): Value => ({ name, type, shape: [] });
  return onnxModel({
    nodes: [
      {
        op: 'Loop',
        inputs: ['trips', 'condition', 'zero'],
        outputs: ['count'],
        attributes: [
          {
            name: 'body',
            graph: {
              nodes: [
                { op: 'Identity', inputs: ['go'], outputs: ['goOn'] },
                { op: 'Add', inputs: ['before', 'one'], outputs: ['after'] },
              ],
              initializers: [initializer.int64('one', [1])],
              inputs: [scalar('iteration', 'INT64'), scalar('go', 'BOOL'), scalar('before', 'INT64')],
              outputs: [scalar('goOn', 'BOOL'), scalar('after', 'INT64')],
            },
          },
        ],
      },
    ],
    initializers: [initializer.bool('condition', true), initializer.int64('zero', [0])],
    inputs: [scalar('trips', 'INT64')],
    outputs: [scalar('count', 'INT64')],
  });
}

/** One Identity for each element type: inputs `in_TYPE` and outputs `out_TYPE`, each [n, m]. */
export function everyTypeModel(types: readonly ElementType[]): Uint8Array {
  return onnxModel({
    nodes: types.map((type) => ({ op: 'Identity', inputs: [`in_${type}`], outputs: [`out_${type}`] })),
    inputs: types.map((type) => ({ name: `in_${type}`, type, shape: ['n', 'm'] })),
    outputs: types.map((type) => ({ name: `out_${type}`, type, shape: ['n', 'm'] })),
  });
}
