import { normal } from '../numeric/random.ts';
import { toLab } from './lab-color.ts';
import { pause } from './pause.ts';

/** [height, width, channels] of one image. */
export interface Image {
  pixels: Float32Array;
  height: number;
  width: number;
  /** 3: red, green, blue; 1: grey. */
  channels: number;
}

export interface QuickshiftOptions {
  /** Of the Gaussian by which the density of pixels is estimated; pixels look three times as far. */
  kernelSize: number;
  /** No pixel is joined to one further away, in pixels and colour together. */
  maxDistance: number;
  /** How much colour counts beside place. */
  ratio: number;
  /** What full brightness is. */
  white: number;
}

/** How far a pixel looks, in rows and columns. */
export const reachOf = (kernelSize: number): number => Math.ceil(3 * kernelSize);

const tieBreaking = 1e-5;

/** What LIME's Python package looks for regions with. */
export const referenceQuickshift = { kernelSize: 4, maxDistance: 200, ratio: 0.2 };

/**
 * Regions of similar pixels that lie together, numbered from 0 by where the densest pixel of each lies: [height, width]. Vedaldi and Soatto,
 * "Quick Shift and Kernel Methods for Mode Seeking" (2008): each pixel is joined to the nearest one about which pixels are
 * denser in place and colour (CIE L*a*b*). Random numbers too small to matter otherwise decide between equally dense ones,
 * and so cut even surfaces into pieces.
 */
export async function quickshift(
  image: Image,
  { kernelSize, maxDistance, ratio, white }: QuickshiftOptions,
  seed: number,
  signal?: AbortSignal,
): Promise<Int32Array> {
  const { height, width } = image;
  const colors = toLab(image, white).map((value) => value * ratio);
  const reach = reachOf(kernelSize);
  const densities = Float64Array.from(normal(seed, ['quickshift'], height * width), (value) => tieBreaking * value);
  for (let row = 0; row < height; row++) {
    await pause(signal);
    forNeighbours(row, image, reach, colors, (pixel, _, distance) => {
      densities[pixel] = (densities[pixel] ?? 0) + Math.exp(distance / (-2 * kernelSize * kernelSize));
    });
  }
  const parents = Int32Array.from(densities.keys());
  const closest = new Float64Array(height * width).fill(Infinity);
  for (let row = 0; row < height; row++) {
    await pause(signal);
    forNeighbours(row, image, reach, colors, (pixel, other, distance) => {
      const denser = (densities[other] ?? 0) > (densities[pixel] ?? 0);
      if (!denser || distance >= (closest[pixel] ?? 0) || distance > maxDistance * maxDistance) return;
      [closest[pixel], parents[pixel]] = [distance, other];
    });
  }
  return numbered(parents);
}

/** Calls back for every pixel of a row with each pixel about it, itself included, and the square of their distance. */
function forNeighbours(
  row: number,
  { height, width }: Image,
  reach: number,
  colors: Float64Array,
  found: (pixel: number, other: number, squaredDistance: number) => void,
): void {
  for (let column = 0; column < width; column++) {
    const pixel = row * width + column;
    const [l, a, b] = [colors[3 * pixel] ?? 0, colors[3 * pixel + 1] ?? 0, colors[3 * pixel + 2] ?? 0];
    for (let y = Math.max(0, row - reach); y < Math.min(height, row + reach + 1); y++) {
      for (let x = Math.max(0, column - reach); x < Math.min(width, column + reach + 1); x++) {
        const other = y * width + x;
        const [dl, da, db] = [
          l - (colors[3 * other] ?? 0),
          a - (colors[3 * other + 1] ?? 0),
          b - (colors[3 * other + 2] ?? 0),
        ];
        const distance = dl * dl + da * da + db * db + (row - y) * (row - y) + (column - x) * (column - x);
        found(pixel, other, distance);
      }
    }
  }
}

/** The tree that each pixel is in, by the number of its root among all roots. */
function numbered(parents: Int32Array): Int32Array {
  const rootOf = (pixel: number): number => {
    let root = pixel;
    while (parents[root] !== root) root = parents[root] ?? root;
    // Whoever comes by here later is there at once: a chain through a whole image would take the square of its length.
    for (let at = pixel; at !== root;) {
      const next = parents[at] ?? root;
      parents[at] = root;
      at = next;
    }
    return root;
  };
  const roots = parents.map((_, pixel) => rootOf(pixel));
  const numbers = new Map([...new Set(roots)].sort((a, b) => a - b).map((root, number) => [root, number]));
  return roots.map((root) => numbers.get(root) ?? 0);
}
