/** IEEE 754 binary16, as numbers. */

const double = new DataView(new ArrayBuffer(8));

/** The nearest half of a number, ties to even; beyond ±65519 it is infinite. */
export function toHalfBits(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  double.setFloat64(0, value);
  const high = double.getUint32(0);
  const sign = (high >>> 31) << 15;
  const magnitude = Math.abs(value);
  if (magnitude >= 65520) return sign | 0x7c00;
  const exponent = Math.max(-14, ((high >>> 20) & 0x7ff) - 1023);
  const units = roundToEven(magnitude / 2 ** (exponent - 10));
  return sign | (((exponent + 14) << 10) + units);
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
