import type { DataType } from '../contract.ts';
import { invalid } from '../errors.ts';
import { fromHalfBits, toHalfBits } from '../../lib/tensor-codec.ts';
import { elementSize, joinBytes, splitBytes } from '../../lib/tensor-codec.ts';
import type { Tensor } from './tensor.ts';

/**
 * Elements between JSON and the raw encoding. JSON has no NaN and no infinity: they are the strings "NaN", "Infinity"
 * and "-Infinity", as in protobuf's JSON, both ways. Nothing is rounded in silence but the last bits of FP16 and FP32.
 */

/** Writes one element; says what is wrong with it instead, where something is. */
type Put = (view: DataView, offset: number, value: unknown) => string | undefined;

const notWhole = 'must be a whole number';
const between = (low: number | bigint, high: number | bigint): string => `must be between ${low} and ${high}`;

const integer = (low: number, high: number, write: (view: DataView, offset: number, value: number) => void): Put => {
  const outside = between(low, high);
  return (view, offset, value) => {
    if (typeof value === 'bigint') return outside;
    if (typeof value !== 'number' || !Number.isInteger(value)) return notWhole;
    if (value < low || value > high) return outside;
    write(view, offset, value);
    return undefined;
  };
};

const bigInteger = (low: bigint, high: bigint, write: (view: DataView, offset: number, value: bigint) => void): Put => {
  const outside = between(low, high);
  return (view, offset, value) => {
    if (typeof value !== 'bigint' && !Number.isInteger(value)) return notWhole;
    const exact = BigInt(value as bigint | number);
    if (exact < low || exact > high) return outside;
    write(view, offset, exact);
    return undefined;
  };
};

const special: Readonly<Record<string, number>> = { NaN, Infinity: Infinity, '-Infinity': -Infinity };

const float = (largest: number, write: (view: DataView, offset: number, value: number) => void): Put => {
  const outside = between(-largest, largest);
  return (view, offset, value) => {
    if (typeof value === 'string' && Object.hasOwn(special, value)) {
      write(view, offset, special[value] ?? NaN);
      return undefined;
    }
    if (typeof value !== 'number' && typeof value !== 'bigint') return 'must be a number';
    const number = Number(value);
    if (Math.abs(number) > largest) return outside;
    write(view, offset, number);
    return undefined;
  };
};

const boolean: Put = (view, offset, value) => {
  if (typeof value !== 'boolean') return 'must be true or false';
  view.setUint8(offset, value ? 1 : 0);
  return undefined;
};

const puts: Readonly<Record<Exclude<DataType, 'BYTES'>, Put>> = {
  BOOL: boolean,
  UINT8: integer(0, 0xff, (view, offset, value) => view.setUint8(offset, value)),
  UINT16: integer(0, 0xffff, (view, offset, value) => view.setUint16(offset, value, true)),
  UINT32: integer(0, 0xffff_ffff, (view, offset, value) => view.setUint32(offset, value, true)),
  UINT64: bigInteger(0n, 2n ** 64n - 1n, (view, offset, value) => view.setBigUint64(offset, value, true)),
  INT8: integer(-0x80, 0x7f, (view, offset, value) => view.setInt8(offset, value)),
  INT16: integer(-0x8000, 0x7fff, (view, offset, value) => view.setInt16(offset, value, true)),
  INT32: integer(-0x8000_0000, 0x7fff_ffff, (view, offset, value) => view.setInt32(offset, value, true)),
  INT64: bigInteger(-(2n ** 63n), 2n ** 63n - 1n, (view, offset, value) => view.setBigInt64(offset, value, true)),
  FP16: float(65504, (view, offset, value) => view.setUint16(offset, toHalfBits(value), true)),
  FP32: float(3.4028234663852886e38, (view, offset, value) => view.setFloat32(offset, value, true)),
  FP64: float(Number.MAX_VALUE, (view, offset, value) => view.setFloat64(offset, value, true)),
};

/** Flat, or nested as the shape says; bytes that are no text are Uint8Arrays. `count` is the product of `shape`. Throws RequestError that names the element. */
export function encodeElements(
  values: unknown,
  dataType: DataType,
  shape: readonly number[],
  count: number,
  path: string,
): Uint8Array {
  if (!Array.isArray(values)) throw invalid(`${path}: must be an array`);
  const layout = Array.isArray(values[0]) ? shape : [count];
  const strings: Uint8Array[] = [];
  const size = elementSize[dataType];
  const data = new Uint8Array(count * size);
  const view = new DataView(data.buffer);
  let offset = 0;
  const leaf = (value: unknown): string | undefined => {
    if (dataType === 'BYTES') return putString(strings, value);
    const wrong = puts[dataType](view, offset, value);
    offset += size;
    return wrong;
  };
  const trail: number[] = [];
  const wrong = visit(values, layout, 0, trail, leaf);
  if (wrong !== undefined) throw invalid(`${path}${trail.map((index) => `[${index}]`).join('')}: ${wrong}`);
  return dataType === 'BYTES' ? joinBytes(strings) : data;
}

/** Calls `leaf` for each element. Stops at the first that is wrong, with its place in `trail`, and says what is wrong. */
function visit(
  values: unknown,
  shape: readonly number[],
  depth: number,
  trail: number[],
  leaf: (value: unknown) => string | undefined,
): string | undefined {
  const length = shape[depth] ?? 0;
  if (!Array.isArray(values)) return `must be an array of ${length}`;
  if (values.length !== length) return `has ${values.length} elements where the shape needs ${length}`;
  const innermost = depth === shape.length - 1;
  for (let index = 0; index < length; index++) {
    trail[depth] = index;
    const wrong = innermost ? leaf(values[index]) : visit(values[index], shape, depth + 1, trail, leaf);
    if (wrong !== undefined) return wrong;
  }
  trail.length = depth;
  return undefined;
}

function putString(strings: Uint8Array[], value: unknown): string | undefined {
  if (value instanceof Uint8Array) {
    strings.push(value);
    return undefined;
  }
  if (typeof value !== 'string' || !value.isWellFormed()) return 'must be a string of valid Unicode';
  strings.push(Buffer.from(value));
  return undefined;
}

/** The elements as JSON texts, in row-major order. */
export function jsonElements({ dataType, data }: Tensor): string[] {
  if (dataType === 'BYTES')
    return (splitBytes(data) ?? []).map((element) => JSON.stringify(Buffer.from(element).toString()));
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const [read, size] = [gets[dataType], elementSize[dataType]];
  return Array.from({ length: data.byteLength / size }, (_, index) => read(view, index * size));
}

type Get = (view: DataView, offset: number) => string;

const floatText = (value: number): string =>
  Number.isFinite(value) ? (Object.is(value, -0) ? '-0' : String(value)) : JSON.stringify(String(value));

const gets: Readonly<Record<Exclude<DataType, 'BYTES'>, Get>> = {
  BOOL: (view, offset) => (view.getUint8(offset) === 0 ? 'false' : 'true'),
  UINT8: (view, offset) => String(view.getUint8(offset)),
  UINT16: (view, offset) => String(view.getUint16(offset, true)),
  UINT32: (view, offset) => String(view.getUint32(offset, true)),
  UINT64: (view, offset) => String(view.getBigUint64(offset, true)),
  INT8: (view, offset) => String(view.getInt8(offset)),
  INT16: (view, offset) => String(view.getInt16(offset, true)),
  INT32: (view, offset) => String(view.getInt32(offset, true)),
  INT64: (view, offset) => String(view.getBigInt64(offset, true)),
  FP16: (view, offset) => floatText(fromHalfBits(view.getUint16(offset, true))),
  FP32: (view, offset) => floatText(view.getFloat32(offset, true)),
  FP64: (view, offset) => floatText(view.getFloat64(offset, true)),
};

/** The tensor as JSON, nested as its shape. */
export function nestedJson(tensor: Tensor): string {
  return tensor.shape.length === 0 ? (jsonElements(tensor)[0] ?? 'null') : `[${nestedRows(tensor).join()}]`;
}

/** Each row along the first dimension as JSON, nested as the other dimensions. */
export function nestedRows(tensor: Tensor): string[] {
  const elements = jsonElements(tensor);
  let index = 0;
  const write = ([length, ...rest]: readonly number[]): string => {
    if (length === undefined) return elements[index++] ?? 'null';
    return `[${Array.from({ length }, () => write(rest)).join()}]`;
  };
  const [rows = 0, ...row] = tensor.shape;
  return Array.from({ length: rows }, () => write(row));
}
