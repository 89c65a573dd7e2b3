import { explain } from '../../runtime/explain/explain.ts';
import { normal } from '../../runtime/numeric/random.ts';
import { exactShapley, interventional } from '../../test/unit/explain/exact-shapley.ts';
import { applyNetwork, rowByRow, type Network } from '../../test/unit/explain/network.ts';
import type { Row } from '../main.ts';
import { meanOf } from '../statistics.ts';
import { runPackages } from './packages.ts';

interface Case {
  /** Features that have to do with each other; groups only add up. */
  groups: number[];
  samples: number;
}

const seeds = 30;
const hidden = 4;
const cases: Case[] = [
  { groups: [12], samples: 400 },
  { groups: [12], samples: 2_000 },
  { groups: [10, 10, 10], samples: 500 },
  { groups: [10, 10, 10], samples: 2_108 },
];

/** A layer of tanh of which each unit sees one group, summed up. */
function networkOf(groups: readonly number[]): Network {
  const features = groups.reduce((sum, size) => sum + size, 0);
  const groupOf = groups.flatMap((size, group) => new Array<number>(size).fill(group));
  const units = groups.length * hidden;
  const numbers = normal(1, ['weights', ...groups], features * units);
  const weight = (feature: number, unit: number): number =>
    Math.floor(unit / hidden) === groupOf[feature] ? (numbers[feature * units + unit] ?? 0) : 0;
  return {
    weights: [
      Array.from({ length: features }, (_, feature) =>
        Array.from({ length: units }, (__, unit) => weight(feature, unit)),
      ),
      Array.from(normal(1, ['outputs', ...groups], units), (value) => [value]),
    ],
    biases: [[...normal(1, ['biases', ...groups], units)], [0.5]],
    softmax: false,
  };
}

/** By every coalition within each group: what other groups do changes nothing there. */
function exactOf(network: Network, groups: readonly number[], row: number[], background: number[][]): number[] {
  let from = 0;
  return groups.flatMap((size) => {
    const [start, end] = [from, (from += size)];
    const within = (members: number[]): number =>
      applyNetwork(network, [...row.slice(0, start), ...members, ...row.slice(end)])[0] ?? 0;
    const slices = background.map((other) => other.slice(start, end));
    return exactShapley(size, interventional(within, row.slice(start, end), slices));
  });
}

async function compare({ groups, samples }: Case): Promise<Row> {
  const features = groups.reduce((sum, size) => sum + size, 0);
  const network = networkOf(groups);
  const row = [...normal(2, ['row', ...groups], features)];
  const background = Array.from({ length: 5 }, (_, at) => [...normal(2, ['background', at, ...groups], features)]);
  const exact = exactOf(network, groups, row, background);
  const error = (values: ArrayLike<number>): number =>
    Math.sqrt(meanOf(exact.map((value, feature) => (value - (values[feature] ?? NaN)) ** 2)));

  const ours: number[] = [];
  for (let seed = 0; seed < seeds; seed++) {
    const { attributions } = await explain(
      {
        kind: 'tabular',
        method: 'kernel_shap',
        seed,
        samples,
        features,
        rows: Float32Array.from(row),
        background: Float32Array.from(background.flat()),
      },
      rowByRow((given) => applyNetwork(network, given)),
    );
    ours.push(error(attributions));
  }
  const theirs = await runPackages<number[][]>('sampled.py', [], { ...network, row, background, samples, seeds });
  return {
    what: `${features} features in groups of ${groups.join(', ')}, ${samples} samples, mean of ${seeds} seeds`,
    unit: 'RMSE to the exact values',
    ours: meanOf(ours),
    reference: meanOf(theirs.map(error)),
    referenceName: 'shap 0.51 at as many samples',
  };
}

/** How far sampled values are from exact ones, beside the package's at as many samples. */
export async function sampledRows(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const given of cases) rows.push(await compare(given));
  return rows;
}
