import { shown } from './data-failure.ts';
import { limits } from './limits.ts';

/** What Number() reads beside decimal numbers: nothing at all as 0, and hexadecimal, octal and binary ones. */
const notDecimal = /^\s*(?:0[xob]|$)/i;

/** The number in a cell; NaN where there is none. */
export function numberOf(cell: unknown): number {
  if (typeof cell === 'number') return cell;
  if (typeof cell === 'string') {
    const value = Number(cell);
    return notDecimal.test(cell) ? NaN : value;
  }
  return typeof cell === 'bigint' || typeof cell === 'boolean' ? Number(cell) : NaN;
}

const isMissing = (cell: unknown): boolean =>
  cell === undefined || cell === null || (typeof cell === 'string' && cell.trim() === '');

export type List = readonly unknown[] | NodeJS.TypedArray;

/** A cell that holds several values. Bytes are one value. */
export const isList = (cell: unknown): cell is List =>
  Array.isArray(cell) || (ArrayBuffer.isView(cell) && !Buffer.isBuffer(cell) && !(cell instanceof DataView));

/** Why `numberOf` a cell, multiplied by `scale`, is not a finite float32. */
export function numberProblem(cell: unknown, scale: number): string {
  if (isMissing(cell)) return 'is missing';
  const value = numberOf(cell);
  if (Number.isFinite(value)) return `is too large for 32 bits (${value}${scale === 1 ? '' : ` times ${scale}`})`;
  if (typeof cell === 'number' || value === Infinity || value === -Infinity) return `is not finite (${value})`;
  return `is no number (${describe(cell)})`;
}

/** A cell in a few words. */
export function describe(cell: unknown): string {
  if (isMissing(cell)) return 'nothing';
  if (typeof cell === 'string') return shown(cell);
  if (typeof cell === 'number' || typeof cell === 'bigint' || typeof cell === 'boolean') return String(cell);
  if (Buffer.isBuffer(cell)) return 'bytes';
  if (isList(cell)) return 'an array';
  return cell instanceof Date ? 'a date' : 'an object';
}

/**
 * The values of a cell in order, however deep they lie.
 *
 * @returns undefined where they lie too deep or are too many
 */
export function flatten(cell: unknown): List | undefined {
  if (ArrayBuffer.isView(cell) && isList(cell)) return cell;
  const values: unknown[] = [];
  const visit = (value: unknown, depth: number): boolean => {
    if (!isList(value)) return values.push(value) <= limits.rowValues;
    if (depth === limits.nesting) return false;
    for (const item of value) if (!visit(item, depth + 1)) return false;
    return true;
  };
  return visit(cell, 0) ? values : undefined;
}
