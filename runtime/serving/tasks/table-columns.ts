import { decodeTensor } from '../../../lib/tensor-codec.ts';
import type { TensorSignature } from '../../contract.ts';
import { ModelFault, invalid } from '../../errors.ts';
import type { Signature, Tensor } from '../tensor.ts';
import { unsupportedBy } from './model-files.ts';

/** How the columns of a table become a model's inputs. */
export interface TableColumns {
  /** What clients send: one tensor [n] for each column, or the model's own [n, width] where its columns have no names. */
  inputs: TensorSignature[];
  /** Throws RequestError. */
  toModel(columns: readonly Tensor[]): Tensor[];
}

/**
 * A model takes either all columns as one input [n, width], named in config.json by `feature_names` and multiplied by its `feature_scale`,
 * or each column as an input of its own, [n] or [n, 1], as skl2onnx makes it of a data frame. Throws ModelFault.
 */
export function tableColumnsOf({ inputs }: Signature, config: Record<string, unknown>): TableColumns {
  const [sole, ...others] = inputs;
  const names = readNames(config.feature_names);
  const isColumn = ({ shape }: TensorSignature): boolean =>
    shape.length === 1 || (shape.length === 2 && shape[1] === 1);
  if (sole && others.length === 0 && sole.shape.length === 2 && (names || !isColumn(sole))) {
    return names ? namedMatrix(sole, names, config) : { inputs: [sole], toModel: (columns) => [...columns] };
  }
  const odd = inputs.find((input) => !isColumn(input));
  if (odd || !sole) {
    const shape = JSON.stringify(odd?.shape ?? []);
    throw unsupportedBy(
      'Tabular',
      `takes ${JSON.stringify(odd?.name ?? '')} as ${shape} where one input [rows, columns] or columns [rows, 1] are needed`,
    );
  }
  return {
    inputs: inputs.map(({ name, dataType, shape }) => ({ name, dataType, shape: shape.slice(0, 1) })),
    toModel: (columns) => {
      const rows = rowsOf(columns);
      return columns.map((column) => {
        const isFlat = inputs.find(({ name }) => name === column.name)?.shape.length === 1;
        return { ...column, shape: isFlat ? [rows] : [rows, 1] };
      });
    },
  };
}

function namedMatrix(
  { name, dataType, shape }: TensorSignature,
  names: readonly string[],
  { feature_scale: scale = 1 }: Record<string, unknown>,
): TableColumns {
  const [rows = -1, width = -1] = shape;
  if (dataType !== 'FP32' && dataType !== 'FP64') {
    throw unsupportedBy(
      'Tabular',
      `takes ${dataType} where FP32 or FP64 is needed for columns that config.json names,`,
    );
  }
  if (width !== -1 && width !== names.length) {
    throw badConfig(`feature_names has ${names.length} names where the model takes ${width} columns`);
  }
  if (typeof scale !== 'number') throw badConfig('feature_scale must be a number');
  return {
    inputs: names.map((column) => ({ name: column, dataType, shape: [rows] })),
    toModel: (columns) => {
      const count = rowsOf(columns);
      const Numbers = dataType === 'FP32' ? Float32Array : Float64Array;
      const matrix = new Numbers(count * names.length);
      for (const column of columns) {
        const place = names.indexOf(column.name);
        const values = decodeTensor(dataType, column.data) as Float32Array | Float64Array;
        values.forEach((value, row) => (matrix[row * names.length + place] = value * scale));
      }
      return [{ name, dataType, shape: [count, names.length], data: new Uint8Array(matrix.buffer) }];
    },
  };
}

function rowsOf(columns: readonly Tensor[]): number {
  const [first] = columns;
  const rows = first?.shape[0] ?? 0;
  const odd = columns.find(({ shape }) => shape[0] !== rows);
  if (odd) throw invalid(`${odd.name}: has ${odd.shape[0] ?? 0} rows where ${first?.name ?? ''} has ${rows}`);
  return rows;
}

function readNames(value: unknown): string[] | undefined {
  if (value === undefined) return undefined;
  const isNames = (list: unknown): list is string[] =>
    Array.isArray(list) && list.length > 0 && list.every((name) => typeof name === 'string' && name !== '');
  if (!isNames(value)) throw badConfig('feature_names must be a list of names');
  if (new Set(value).size < value.length) throw badConfig('feature_names has a name twice');
  return value;
}

const badConfig = (what: string): ModelFault =>
  new ModelFault({
    reason: 'InvalidModel',
    message: `The file config.json beside the model: ${what}.`,
    retrying: false,
  });
