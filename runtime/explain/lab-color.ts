import type { Image } from './quickshift.ts';

/** sRGB to CIE XYZ under D65, relative to its white point. */
const toXyz = [
  [0.412453, 0.35758, 0.180423],
  [0.212671, 0.71516, 0.072169],
  [0.019334, 0.119193, 0.950227],
] as const;
const whitePoint = [0.95047, 1, 1.08883] as const;

/** The pixels of an image in CIE L*a*b*: [height, width, 3]. Grey is red, green and blue alike. */
export function toLab({ pixels, channels }: Image, white: number): Float64Array {
  const lab = new Float64Array((pixels.length / channels) * 3);
  for (let pixel = 0; pixel < lab.length / 3; pixel++) {
    const level = (channel: number): number =>
      linear((pixels[pixel * channels + (channels === 3 ? channel : 0)] ?? 0) / white);
    const [red, green, blue] = [level(0), level(1), level(2)];
    const [x, y, z] = toXyz.map(([r, g, b], axis) =>
      lightness((r * red + g * green + b * blue) / (whitePoint[axis] ?? 1)),
    );
    lab.set([116 * (y ?? 0) - 16, 500 * ((x ?? 0) - (y ?? 0)), 200 * ((y ?? 0) - (z ?? 0))], 3 * pixel);
  }
  return lab;
}

/** The inverse of sRGB's transfer function. */
const linear = (level: number): number => (level > 0.04045 ? ((level + 0.055) / 1.055) ** 2.4 : level / 12.92);

const lightness = (relative: number): number =>
  relative > 0.008856 ? Math.cbrt(relative) : 7.787 * relative + 16 / 116;
