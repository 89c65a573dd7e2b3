import { elementTypeName, elementTypes } from '../../onnx/element-types.ts';
import { type Dimension, shapeOf } from '../../onnx/model.ts';
import type { ValueInfoProto } from '../../onnx/onnx.gen.ts';
import type { DataInput } from '../training-graph.ts';
import { notTrainable } from './refusal.ts';

const dataTypes = new Map<number, DataInput['dataType']>([
  [elementTypes.FLOAT, 'FP32'],
  [elementTypes.INT64, 'INT64'],
  [elementTypes.INT32, 'INT32'],
]);

/**
 * What the model takes beside its weights. Throws TrainingFailure.
 *
 * @param rowShape what a row of the data holds, for the one input of a model that leaves more open than the rows
 */
export function dataInputs(declared: readonly ValueInfoProto[], rowShape: readonly number[] | undefined): DataInput[] {
  if (declared.length === 0) throw notTrainable('The model has no input for data; export it with one.');
  return declared.map((info) => dataInput(info, declared.length === 1 ? rowShape : undefined));
}

function dataInput(info: ValueInfoProto, rowShape: readonly number[] | undefined): DataInput {
  const label = `The input ${JSON.stringify(info.name)} of the model`;
  const elemType = info.type?.tensorType?.elemType ?? 0;
  const dataType = dataTypes.get(elemType);
  if (!dataType) {
    throw notTrainable(
      `${label} has the element type ${elementTypeName(elemType)}; export it with FLOAT, INT64 or INT32.`,
    );
  }
  const dimensions = shapeOf(info);
  if (!dimensions || dimensions.length === 0) {
    throw notTrainable(`${label} declares no shape; export it with one whose first dimension is the rows.`);
  }
  return { name: info.name, dataType, shape: fixedShape(label, dimensions, rowShape) };
}

/** The first dimension is the rows, whatever the model was exported with. */
function fixedShape(
  label: string,
  dimensions: readonly Dimension[],
  rowShape: readonly number[] | undefined,
): number[] {
  const [, ...declared] = dimensions;
  if (rowShape?.length === declared.length) {
    const differs = declared.some((size, axis) => typeof size === 'number' && size !== rowShape[axis]);
    if (!differs) return [-1, ...rowShape];
  }
  const open = declared.findIndex((size) => typeof size !== 'number');
  if (open === -1) return [-1, ...(declared as number[])];
  const shape = dimensions.map((size) => size ?? '?').join();
  throw notTrainable(
    `${label} leaves dimension ${open + 1} of [${shape}] open, and the data does not fill it: give spec.train.data.shape, or export the model with fixed dimensions after the rows.`,
  );
}
