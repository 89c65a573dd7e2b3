import { checkWhole, maxSamples } from './checks.ts';
import { automaticSamples, coalitions, fewestSamples, type Coalitions } from './coalitions.ts';
import { cholesky, solveByCholesky, sumOf } from './least-squares.ts';
import type { Evaluator, RowSource } from './model.ts';
import { pause } from './pause.ts';
import type { Explainer } from './subject.ts';

/** What depends on the number of parts alone, and is the same for every instance. */
interface ShapDesign {
  coalitions: Coalitions;
  /** Of the weighted Gram matrix of the masks: its Cholesky factor, and the solution for a right side of ones. */
  lower: Float64Array;
  ofOnes: Float64Array;
}

const masksBetweenPauses = 256;

/** @param parts at least 2 */
async function shapDesign(
  parts: number,
  samples: number,
  seed: number,
  signal: AbortSignal | undefined,
): Promise<ShapDesign> {
  const chosen = coalitions(parts, samples, seed);
  const gram = new Float64Array(parts * parts);
  const kept = new Int32Array(parts);
  for (let mask = 0; mask < chosen.count; mask++) {
    if (mask % masksBetweenPauses === 0) await pause(signal);
    const weight = chosen.weights[mask] ?? 0;
    let count = 0;
    for (let part = 0; part < parts; part++) if (chosen.masks[mask * parts + part] === 1) kept[count++] = part;
    for (let i = 0; i < count; i++) {
      const row = (kept[i] ?? 0) * parts;
      for (let j = 0; j <= i; j++) gram[row + (kept[j] ?? 0)] = (gram[row + (kept[j] ?? 0)] ?? 0) + weight;
    }
  }
  const lower = cholesky(gram, parts);
  return { coalitions: chosen, lower, ofOnes: solveByCholesky(lower, new Float64Array(parts).fill(1)) };
}

/**
 * Shapley values by weighted least squares, under the constraint that base and attributions add up to the prediction. There is no
 * regularisation, so no part is left out: the Python package keeps ten at most unless it is told `l1_reg=False`.
 */
export function shapExplainer<Batch>(
  { samples, seed }: { samples?: number; seed: number },
  evaluator: Evaluator<Batch>,
  signal: AbortSignal | undefined,
): Explainer<Batch> {
  const bases = new Map<RowSource<Batch>, Float64Array>();
  const designs = new Map<number, ShapDesign>();
  const costed = new Set<RowSource<Batch>>();

  const baseOf = async (nothing: RowSource<Batch>): Promise<Float64Array> => {
    const base = bases.get(nothing) ?? (await evaluator.means(nothing, nothing.count));
    bases.set(nothing, base);
    return base;
  };
  const designOf = async (parts: number): Promise<ShapDesign> => {
    const design = designs.get(parts) ?? (await shapDesign(parts, samplesFor(parts, samples), seed, signal));
    designs.set(parts, design);
    return design;
  };
  return {
    cost: ({ masker: { places, rowsPerMask, nothing } }) => {
      const ofBase = costed.has(nothing) ? 0 : nothing.count;
      costed.add(nothing);
      return ofBase + samplesFor(places.length, samples) * rowsPerMask;
    },
    explain: async ({ features, masker }, prediction, columns) => {
      const all = await baseOf(masker.nothing);
      const base = Float64Array.from(columns, (column) => all[column] ?? 0);
      const differences = prediction.map((value, output) => value - (base[output] ?? 0));
      const [parts, outputs] = [masker.places.length, columns.length];
      let values: Float64Array = parts === 1 ? differences : new Float64Array();
      if (parts > 1) {
        const design = await designOf(parts);
        const sums = await evaluator.means(masker.rows(design.coalitions.masks), masker.rowsPerMask, columns);
        values = await shapleyValues(design, sums, base, differences, signal);
      }
      const attributions = new Float64Array(features * outputs);
      masker.places.forEach((place, part) => {
        attributions.set(values.subarray(part * outputs, (part + 1) * outputs), place * outputs);
      });
      return { attributions, base };
    },
  };
}

/** With one part or none there is nothing to sample. */
function samplesFor(parts: number, asked: number | undefined): number {
  if (parts < 2) return 0;
  if (asked === undefined) return automaticSamples(parts);
  return Math.min(checkWhole(`samples of ${parts} features`, asked, fewestSamples(parts), maxSamples), 2 ** parts - 2);
}

/**
 * The solution: [parts, outputs].
 *
 * @param values [coalitions, outputs], what the model makes of them
 * @param differences [outputs], prediction - base
 */
async function shapleyValues(
  { coalitions: { count, masks, weights }, lower, ofOnes }: ShapDesign,
  values: Float64Array,
  base: Float64Array,
  differences: Float64Array,
  signal: AbortSignal | undefined,
): Promise<Float64Array> {
  const [parts, outputs] = [ofOnes.length, base.length];
  const attributions = new Float64Array(parts * outputs);
  const sumOfOnes = sumOf(ofOnes);
  const right = new Float64Array(parts);
  for (let output = 0; output < outputs; output++) {
    await pause(signal);
    right.fill(0);
    for (let mask = 0; mask < count; mask++) {
      const gained = (weights[mask] ?? 0) * ((values[mask * outputs + output] ?? 0) - (base[output] ?? 0));
      for (let part = 0; part < parts; part++)
        right[part] = (right[part] ?? 0) + gained * (masks[mask * parts + part] ?? 0);
    }
    const free = solveByCholesky(lower, right);
    const excess = (sumOf(free) - (differences[output] ?? 0)) / sumOfOnes;
    for (let part = 0; part < parts; part++) {
      attributions[part * outputs + output] = (free[part] ?? 0) - excess * (ofOnes[part] ?? 0);
    }
  }
  return attributions;
}
