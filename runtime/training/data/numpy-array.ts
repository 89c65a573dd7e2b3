import { invalidData, shown } from './data-failure.ts';
import { limits } from './limits.ts';

/** What the header of an array in NumPy's format says (NEP 1). */
export interface ArrayHeader {
  /** The first is the number of rows. */
  shape: [number, ...number[]];
  type: ElementType;
  /** Of the header: where the elements begin. */
  length: number;
}

export interface ElementType {
  bytes: number;
  isBigEndian: boolean;
  /** @param buffer elements in this machine's byte order */
  view(buffer: ArrayBuffer): NumberArray;
}

export type NumberArray = Exclude<NodeJS.TypedArray, Uint8ClampedArray>;

const views: Record<string, ElementType['view']> = {
  b1: (buffer) => new Uint8Array(buffer),
  i1: (buffer) => new Int8Array(buffer),
  u1: (buffer) => new Uint8Array(buffer),
  i2: (buffer) => new Int16Array(buffer),
  u2: (buffer) => new Uint16Array(buffer),
  i4: (buffer) => new Int32Array(buffer),
  u4: (buffer) => new Uint32Array(buffer),
  i8: (buffer) => new BigInt64Array(buffer),
  u8: (buffer) => new BigUint64Array(buffer),
  f2: (buffer) => Float32Array.from(new Uint16Array(buffer), halfValue),
  f4: (buffer) => new Float32Array(buffer),
  f8: (buffer) => new Float64Array(buffer),
};

/** The value of the 16 bits of an IEEE 754 half. */
function halfValue(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const magic = '\x93NUMPY';
const longestHeader = 64 * 1024;
const mostDimensions = 32;

/** Bytes that are enough to know how long the header is. */
export const preludeBytes = 12;

/**
 * @param prelude the first `preludeBytes` of an array
 * @param name as messages name the array
 * @returns bytes before the elements
 */
export function headerLength(prelude: Buffer, name: string): number {
  if (prelude.length < preludeBytes || prelude.toString('latin1', 0, magic.length) !== magic) {
    throw invalidData(`${name} is no array in NumPy's format.`);
  }
  const version = prelude[6] ?? 0;
  if (version < 1 || version > 3)
    throw invalidData(`${name} is of version ${version} of NumPy's format, not of 1 to 3.`);
  const length = version === 1 ? 10 + prelude.readUInt16LE(8) : 12 + prelude.readUInt32LE(8);
  if (length > longestHeader) throw invalidData(`${name} has a header of ${length} bytes.`);
  return length;
}

/**
 * @param header all bytes before the elements
 * @throws TrainingFailure of reason InvalidData where the array is none that can be read row by row
 */
export function parseHeader(header: Buffer, name: string): ArrayHeader {
  const text = header.toString('latin1', header[6] === 1 ? 10 : 12);
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(text)?.[1];
  const sizes = /'shape'\s*:\s*\(([\d,\s]*)\)/.exec(text)?.[1];
  if (order === undefined || sizes === undefined) throw invalidData(`${name} has a header that cannot be read.`);
  const type = elementType(/'descr'\s*:\s*'([^']*)'/.exec(text)?.[1], name);
  const shape = sizes.split(',').flatMap((size) => (size.trim() === '' ? [] : [Number(size)]));
  const [rows, ...rest] = shape;
  if (rows === undefined) throw invalidData(`${name} is a single value; the first dimension of an array is its rows.`);
  if (order === 'True' && rest.length > 0) {
    throw invalidData(`${name} is stored column by column: save numpy.ascontiguousarray of it.`);
  }
  const width = rest.reduce((product, size) => product * size, 1);
  if (shape.length > mostDimensions || !shape.every(Number.isSafeInteger) || width === 0) {
    throw invalidData(`${name} has the shape (${shape.slice(0, mostDimensions).join(', ')}), which holds no rows.`);
  }
  if (width > limits.rowValues) {
    throw invalidData(`${name} holds ${width} numbers in a row, and at most ${limits.rowValues} are possible.`);
  }
  return { shape: [rows, ...rest], type, length: header.length };
}

function elementType(descr: string | undefined, name: string): ElementType {
  const [, order, kind] = /^([<>=|])([a-zA-Z]\d+)$/.exec(descr ?? '') ?? [];
  const view = kind === undefined || !Object.hasOwn(views, kind) ? undefined : views[kind];
  if (!view || kind === undefined) {
    const found = descr === undefined ? 'a structured type' : `the type ${shown(descr)}`;
    throw invalidData(`${name} has ${found}: only whole numbers, floats to 64 bits and booleans can be read.`);
  }
  return { bytes: Number(kind.slice(1)), isBigEndian: order === '>', view };
}

/** Numbers in a row. */
export const widthOf = ({ shape: [, ...rest] }: ArrayHeader): number =>
  rest.reduce((product, size) => product * size, 1);

/** Bytes of the elements; roughly, where they are more than anything can hold. */
export const bytesOf = (header: ArrayHeader): number => header.shape[0] * widthOf(header) * header.type.bytes;

/** The elements in bytes, which are copied. */
export function elementsOf(bytes: Buffer, type: ElementType): NumberArray {
  const copy = Buffer.from(new ArrayBuffer(bytes.length));
  copy.set(bytes);
  if (type.isBigEndian) {
    if (type.bytes === 2) copy.swap16();
    if (type.bytes === 4) copy.swap32();
    if (type.bytes === 8) copy.swap64();
  }
  return type.view(copy.buffer);
}
