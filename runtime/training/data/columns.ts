import type { DataSpec } from '../../training-contract.ts';
import { invalidData, shown, shownList } from './data-failure.ts';
import type { Column } from './table.ts';

/** Which columns make up a row. */
export interface ChosenColumns {
  /** Empty where there is an image. */
  features: string[];
  label: string;
  image: string | undefined;
  /** What a row's features have as a shape of their own; undefined where they are single numbers, or several columns. */
  shape: number[] | undefined;
}

/**
 * @param columns all that there are
 * @param naming how columns are named in this format, where that is no matter of course
 * @throws TrainingFailure of reason InvalidData, which names the field
 */
export function chooseColumns(
  data: DataSpec,
  columns: readonly Column[],
  fileName: string,
  naming?: string,
): ChosenColumns {
  const names = new Set(columns.map(({ name }) => name));
  const check = (field: string, name: string): void => {
    if (names.has(name)) return;
    throw invalidData(
      `spec.train.data.${field}: ${fileName} has no column ${shown(name)}. ${naming ?? `It has ${shownList([...names])}.`}`,
    );
  };
  check('label', data.label);
  if (data.image) {
    check('image.column', data.image.column);
    if (data.image.column === data.label) throw invalidData('spec.train.data.image.column is also the label.');
    for (const field of ['features', 'shape'] as const) {
      if (data[field]) throw invalidData(`spec.train.data.${field} has no meaning beside spec.train.data.image.`);
    }
    return { features: [], label: data.label, image: data.image.column, shape: undefined };
  }
  const features = data.features ?? [...names].filter((name) => name !== data.label);
  features.forEach((name) => check('features', name));
  if (new Set(features).size < features.length) throw invalidData('spec.train.data.features names a column twice.');
  if (features.includes(data.label)) throw invalidData('spec.train.data.features holds the label.');
  if (features.length === 0) throw invalidData(`${fileName} has no column beside the label ${shown(data.label)}.`);
  const sole = features.length === 1 ? columns.find(({ name }) => name === features[0]) : undefined;
  return { features, label: data.label, image: undefined, shape: sole?.shape?.length ? sole.shape : undefined };
}

/**
 * The shape of a row.
 *
 * @param length numbers in it
 */
export function rowShape(data: DataSpec, own: number[] | undefined, length: number): number[] {
  if (!data.shape) return own ?? [length];
  const product = data.shape.reduce((sum, size) => sum * size, 1);
  if (product !== length) {
    throw invalidData(
      `spec.train.data.shape [${data.shape.join(', ')}] takes ${product} numbers, but a row has ${length} features.`,
    );
  }
  return data.shape;
}
