import { invalid } from '../errors.ts';

/** The most features of an instance: solving takes their third power, and the sample grows with them. */
export const maxFeatures = 512;
export const maxSamples = 20_000;
/** Of one explanation. */
export const maxOutputs = 100;

const isWhole = (value: unknown, least: number, most: number): boolean =>
  Number.isInteger(value) && (value as number) >= least && (value as number) <= most;

export function checkWhole(field: string, value: number, least: number, most: number): number {
  if (!isWhole(value, least, most)) {
    throw invalid(`${field}: must be a whole number from ${least} to ${most}, not ${value}`);
  }
  return value;
}

export function checkNumber(field: string, value: number, least: number, most: number): number {
  if (!(value >= least && value <= most))
    throw invalid(`${field}: must be a number from ${least} to ${most}, not ${value}`);
  return value;
}

/** @param value whatever a client may have sent */
export function checkOneOf(field: string, value: unknown, names: readonly string[]): void {
  if (names.some((name) => name === value)) return;
  const given = value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 100);
  throw invalid(`${field}: must be one of ${names.join(', ')}, not ${given}`);
}

/** Returns the number of rows. */
export function checkMatrix(field: string, values: Float32Array, width: number): number {
  if (values.length === 0) throw invalid(`${field}: is empty; give at least one row of ${width} numbers`);
  if (values.length % width !== 0) {
    throw invalid(
      `${field}: ${values.length} numbers are no whole rows of ${width}; give every row as many as the model takes`,
    );
  }
  return values.length / width;
}

export function checkFinite(field: string, values: Float32Array): void {
  if (!values.every(Number.isFinite)) {
    throw invalid(`${field}: holds NaN or infinity; leave such rows out, or fill the gaps as the model's training did`);
  }
}

/** Distinct whole numbers below a limit. */
export function checkIndices(field: string, indices: readonly number[], limit: number): readonly number[] {
  for (const index of indices) checkWhole(field, index, 0, limit - 1);
  if (new Set(indices).size !== indices.length) throw invalid(`${field}: names something twice; leave one of them out`);
  return indices;
}
