/**
 * `npm run bench -- NAME [PART…]`: runs one benchmark, prints a table of ratios and, where no parts are named, writes
 * bench/results/NAME.json.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { embeddings } from './embeddings.ts';
import { explain } from './explain.ts';
import { gpu } from './gpu.ts';
import { models } from './models.ts';
import { operator } from './operator.ts';
import { serving } from './serving.ts';
import type { Range } from './statistics.ts';
import { gradients } from './training/gradients.ts';
import { training } from './training.ts';

/** One line of a table: a figure of ours beside the figure it is measured against, in the same run on the same cores. */
export interface Row {
  what: string;
  unit: string;
  ours: number;
  /** Where ours is the median of several rounds. */
  oursRange?: Range;
  /** What ours is divided by, and what that is. */
  reference: number;
  referenceRange?: Range;
  referenceName: string;
  /** Where requests were timed. */
  oursDetails?: Details;
  referenceDetails?: Details;
}

/** What one request took. */
interface Details {
  p50Ms: number;
  p99Ms: number;
  /** CPU time of the server. */
  cpuUs: number;
}

/** Takes the names of its parts; `serving` alone has some. */
const benches: Record<string, (parts: readonly string[]) => Promise<Row[]>> = {
  embeddings,
  explain,
  gpu,
  gradients,
  models,
  operator,
  serving,
  training,
};

const rounded = (value: number): number => Number(value.toPrecision(3));

const text = (value: number, range: Range | undefined): string =>
  range ? `${rounded(value)} (${rounded(range.lowest)} to ${rounded(range.highest)})` : String(rounded(value));

const detailsText = ({ p50Ms, p99Ms, cpuUs }: Details): string =>
  `${rounded(p50Ms)}, ${rounded(p99Ms)}, ${rounded(cpuUs)}`;

const [name = '', ...parts] = process.argv.slice(2);
const bench = benches[name];
if (!bench) {
  console.error(`usage: npm run bench -- NAME, where NAME is one of: ${Object.keys(benches).join(', ')}`);
  process.exit(64);
}
const rows = await bench(parts);
console.table(
  rows.map(({ what, unit, ours, oursRange, reference, referenceRange, referenceName, ...details }) => ({
    what,
    unit,
    ours: text(ours, oursRange),
    reference: text(reference, referenceRange),
    'reference is': referenceName,
    ratio: rounded(ours / reference),
    ...(details.oursDetails && { 'our p50, p99 ms, CPU us': detailsText(details.oursDetails) }),
    ...(details.referenceDetails && { 'its p50, p99 ms, CPU us': detailsText(details.referenceDetails) }),
  })),
);
const folder = join(import.meta.dirname, 'results');
if (parts.length === 0) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify({ name, node: process.version, rows }, null, 2)}\n`);
}
