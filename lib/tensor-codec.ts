/**
 * The raw encoding of tensors in the Open Inference Protocol, shared by the runtime and the client. Numbers are
 * little-endian and row-major; BOOL is one byte of 0 or 1; BYTES is each element's length as 4 bytes little-endian, then
 * its content. Typed arrays are used as they lie in memory: every platform that ONNX Runtime is built for is
 * little-endian.
 */

/** Bytes of one element; 0 for BYTES, whose elements vary. */
export const elementSize = {
  BOOL: 1,
  UINT8: 1,
  UINT16: 2,
  UINT32: 4,
  UINT64: 8,
  INT8: 1,
  INT16: 2,
  INT32: 4,
  INT64: 8,
  FP16: 2,
  FP32: 4,
  FP64: 8,
  BYTES: 0,
} as const;

export type TensorDataType = keyof typeof elementSize;

export const isDataType = (value: unknown): value is TensorDataType =>
  typeof value === 'string' && Object.hasOwn(elementSize, value);

const arrays = {
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  UINT64: BigUint64Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  INT64: BigInt64Array,
  FP32: Float32Array,
  FP64: Float64Array,
} as const;

/** What `decodeTensor` gives: FP16 becomes Float32Array, which holds every half exactly. */
export type TensorValues =
  | InstanceType<(typeof arrays)[keyof typeof arrays]>
  /** Of BOOL. */
  | boolean[]
  /** Of BYTES: each element's content. */
  | Uint8Array[];

/** What `encodeTensor` takes beside that: strings are BYTES in UTF-8; bigints are for 64-bit integers. */
export type TensorElements = TensorValues | readonly (number | bigint | boolean | string | Uint8Array)[];

/** Throws TypeError where an element is not of the data type, RangeError where a whole number does not fit it. */
export function encodeTensor(dataType: TensorDataType, elements: TensorElements): Uint8Array {
  if (dataType === 'BYTES') return joinBytes(Array.from(elements, bytesOf));
  if (dataType === 'BOOL') return Uint8Array.from(elements, (element) => Number(booleanOf(element)));
  if (dataType === 'FP16') return bytesIn(Uint16Array.from(elements, (element) => toHalfBits(numberOf(element))));
  if (elements instanceof arrays[dataType]) return bytesIn(elements);
  if (dataType === 'INT64' || dataType === 'UINT64') {
    const exact = Array.from(elements, (element: Element) => within64(dataType, bigintOf(element)));
    return bytesIn(dataType === 'INT64' ? BigInt64Array.from(exact) : BigUint64Array.from(exact));
  }
  const given = Array.from(elements, numberOf);
  const encoded = new arrays[dataType](given);
  const isWhole = dataType !== 'FP32' && dataType !== 'FP64';
  if (isWhole && encoded.some((stored, index) => stored !== given[index])) {
    throw new RangeError(`an element is no whole number that fits ${dataType}`);
  }
  return bytesIn(encoded);
}

/** Throws RangeError where the data is no whole number of elements. The result does not share memory with `data`. */
export function decodeTensor(dataType: TensorDataType, data: Uint8Array): TensorValues {
  if (dataType === 'BYTES') {
    const elements = splitBytes(data);
    if (elements === undefined) throw new RangeError('the lengths in BYTES do not fit its data');
    return elements.map((element) => new Uint8Array(element));
  }
  if (data.byteLength % elementSize[dataType] !== 0) {
    throw new RangeError(`${data.byteLength} bytes are no whole number of ${dataType} elements`);
  }
  if (dataType === 'BOOL') return Array.from(data, (byte) => byte !== 0);
  const { buffer } = new Uint8Array(data);
  if (dataType === 'FP16') return Float32Array.from(new Uint16Array(buffer), fromHalfBits);
  return new arrays[dataType](buffer);
}

/** Splits raw BYTES into its elements without copying; undefined where the lengths do not fit the data. */
export function splitBytes(data: Uint8Array): Uint8Array[] | undefined {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const elements: Uint8Array[] = [];
  let offset = 0;
  while (offset < data.byteLength) {
    if (offset + 4 > data.byteLength) return undefined;
    const length = view.getUint32(offset, true);
    offset += 4;
    if (offset + length > data.byteLength) return undefined;
    elements.push(data.subarray(offset, offset + length));
    offset += length;
  }
  return elements;
}

/** The inverse of `splitBytes`. */
export function joinBytes(elements: readonly Uint8Array[]): Uint8Array {
  const data = new Uint8Array(elements.reduce((sum, element) => sum + 4 + element.byteLength, 0));
  const view = new DataView(data.buffer);
  let offset = 0;
  for (const element of elements) {
    view.setUint32(offset, element.byteLength, true);
    data.set(element, offset + 4);
    offset += 4 + element.byteLength;
  }
  return data;
}

const double = new DataView(new ArrayBuffer(8));

/** The nearest IEEE 754 binary16 of a number, ties to even; from ±65520 on it is infinite. */
export function toHalfBits(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  double.setFloat64(0, value);
  const high = double.getUint32(0);
  const sign = (high >>> 31) << 15;
  const magnitude = Math.abs(value);
  if (magnitude >= 65520) return sign | 0x7c00;
  const exponent = Math.max(-14, ((high >>> 20) & 0x7ff) - 1023);
  return sign | (((exponent + 14) << 10) + roundToEven(magnitude / 2 ** (exponent - 10)));
}

export function fromHalfBits(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (fraction + 1024) * 2 ** (exponent - 25);
}

function roundToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}

const bytesIn = (array: ArrayBufferView): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

type Element = number | bigint | boolean | string | Uint8Array;

function bytesOf(element: Element): Uint8Array {
  if (typeof element === 'string') return new TextEncoder().encode(element);
  if (element instanceof Uint8Array) return element;
  throw new TypeError(`BYTES takes strings and Uint8Array, not a ${typeof element}`);
}

function booleanOf(element: Element): boolean {
  if (typeof element !== 'boolean') throw new TypeError(`BOOL takes booleans, not a ${typeof element}`);
  return element;
}

function numberOf(element: Element): number {
  if (typeof element !== 'number') throw new TypeError(`a number is needed, not a ${typeof element}`);
  return element;
}

function bigintOf(element: Element): bigint {
  if (typeof element === 'bigint') return element;
  if (Number.isSafeInteger(element)) return BigInt(element as number);
  throw new TypeError('64-bit integers take bigints and safe whole numbers');
}

function within64(dataType: 'INT64' | 'UINT64', value: bigint): bigint {
  const stored = dataType === 'INT64' ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value);
  if (stored !== value) throw new RangeError(`an element does not fit ${dataType}`);
  return value;
}
