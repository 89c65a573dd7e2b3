/** Where each trained tensor lies in the flat vector. Offsets and lengths count float32 elements. */
export interface LayoutEntry {
  /** The initializer's name in the model. */
  name: string;
  shape: number[];
  offset: number;
  length: number;
  /** A `Trainable` follows its gradient; a `Statistic` is replaced by the sum of its contributions. */
  kind: 'Trainable' | 'Statistic';
}

export interface Layout {
  entries: LayoutEntry[];
  /** Elements of all trainable tensors, which come first. */
  trainable: number;
  /** Elements of the whole vector. */
  total: number;
}

/** Elements from `from` to below `to`. */
export interface Slice {
  from: number;
  to: number;
}

/** Slices begin at multiples of this, so that blocks of the global norm are never cut. */
export const blockLength = 4_096;

const lengthOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

/** Trainable tensors in the given order, then statistics in the given order. */
export function layoutOf(
  trainable: readonly { name: string; shape: number[] }[],
  statistics: readonly { name: string; shape: number[] }[],
): Layout {
  let offset = 0;
  const place =
    (kind: LayoutEntry['kind']) =>
    ({ name, shape }: { name: string; shape: number[] }): LayoutEntry => {
      const length = lengthOf(shape);
      const entry = { name, shape, offset, length, kind };
      offset += length;
      return entry;
    };
  const first = trainable.map(place('Trainable'));
  const trainableLength = offset;
  const entries = [...first, ...statistics.map(place('Statistic'))];
  return { entries, trainable: trainableLength, total: offset };
}

/** Cuts the vector for so many servers, as evenly as whole blocks allow. The last slices of a small vector are empty. */
export function slicesOf(total: number, servers: number): Slice[] {
  const blocks = Math.ceil(total / blockLength);
  return Array.from({ length: servers }, (_, index) => ({
    from: Math.min(total, Math.floor((blocks * index) / servers) * blockLength),
    to: Math.min(total, Math.floor((blocks * (index + 1)) / servers) * blockLength),
  }));
}

/** How many elements of a slice, from its first, follow their gradient, where so many of the whole vector do. */
export const trainableIn = ({ from, to }: Slice, trainable: number): number =>
  Math.max(0, Math.min(to, trainable) - from);
