import { sequence, uniform } from '../numeric/random.ts';

/** Which parts are kept together, and how much each such set counts in the regression of KernelSHAP. */
export interface Coalitions {
  readonly count: number;
  /** [count, parts], 1 or 0. Each mask is followed by its complement. */
  readonly masks: Uint8Array;
  /** [count]; the sum is 1. */
  readonly weights: Float64Array;
}

/** Coalitions of one size together with their complements. */
interface Stratum {
  size: number;
  pairs: number;
  /** Of all its coalitions together, under the Shapley kernel. */
  weight: number;
}

/** As many as the reference implementation takes when it is not told: all there are up to 11 parts. */
export const automaticSamples = (parts: number): number => Math.min(2 * parts + 2_048, 2 ** parts - 2);

/** With fewer, not even every part alone and every part missing can be seen. */
export const fewestSamples = (parts: number): number => Math.min(2 * parts, 2 ** parts - 2);

/**
 * The coalitions of Lundberg and Lee, "A Unified Approach to Interpreting Model Predictions" (2017): from the sizes that
 * count most, the outermost, inwards, all that there are while they fit; of the others distinct ones, as many of each size as its
 * weight asks for. Always in pairs of complements, which takes the even terms out of the error.
 *
 * @param parts at least 2
 * @param samples at least `fewestSamples(parts)`; an odd one of an incomplete set is left out
 */
export function coalitions(parts: number, samples: number, seed: number): Coalitions {
  const all = strata(parts);
  let left = Math.floor(Math.min(samples, 2 ** parts - 2) / 2);
  const chosen = { masks: new Uint8Array(2 * left * parts), weights: new Float64Array(2 * left), pairs: 0 };
  let complete = 0;
  for (const stratum of all) {
    const share = (left * stratum.weight) / totalWeight(all.slice(complete));
    const fits = share / stratum.pairs >= 1 - 1e-8;
    if (!fits && stratum.size > 1) break;
    for (const members of subsets(parts, stratum)) add(chosen, members, parts, stratum.weight / (2 * stratum.pairs));
    left -= stratum.pairs;
    complete += 1;
  }
  const shares = sharesOf(all.slice(complete), left);
  const covered = totalWeight(shares.map(({ stratum }) => stratum));
  const missing = totalWeight(all.slice(complete));
  const next = sequence(uniform, seed, ['coalitions', parts, samples]);
  for (const { stratum, pairs } of shares) {
    const weight = (stratum.weight * missing) / covered / (2 * pairs);
    for (const members of randomSubsets(parts, stratum.size, pairs, next)) add(chosen, members, parts, weight);
  }
  const count = 2 * chosen.pairs;
  return {
    count,
    masks: chosen.masks.subarray(0, count * parts),
    weights: weightsOfSum1(chosen.weights.subarray(0, count)),
  };
}

function strata(parts: number): Stratum[] {
  return Array.from({ length: Math.floor(parts / 2) }, (_, index) => {
    const size = index + 1;
    const isMiddle = 2 * size === parts;
    const ofOneSize = (parts - 1) / (size * (parts - size));
    return {
      size,
      pairs: isMiddle ? binomial(parts, size) / 2 : binomial(parts, size),
      weight: isMiddle ? ofOneSize : 2 * ofOneSize,
    };
  });
}

const totalWeight = (of: readonly Stratum[]): number => of.reduce((sum, { weight }) => sum + weight, 0);

/** Splits pairs among sizes by weight; rounding is carried along, so the sum is exact. Sizes without any are left out. */
function sharesOf(of: readonly Stratum[], pairs: number): { stratum: Stratum; pairs: number }[] {
  const total = totalWeight(of);
  let [weight, given] = [0, 0];
  const shares = of.map((stratum) => {
    weight += stratum.weight;
    const upTo = Math.round((pairs * weight) / total);
    const share = { stratum, pairs: upTo - given };
    given = upTo;
    return share;
  });
  return shares.filter((share) => share.pairs > 0);
}

function add(
  to: { masks: Uint8Array; weights: Float64Array; pairs: number },
  members: readonly number[],
  parts: number,
  weight: number,
): void {
  const at = 2 * to.pairs * parts;
  to.masks.fill(1, at + parts, at + 2 * parts);
  for (const member of members) {
    to.masks[at + member] = 1;
    to.masks[at + parts + member] = 0;
  }
  to.weights.fill(weight, 2 * to.pairs, 2 * to.pairs + 2);
  to.pairs += 1;
}

function weightsOfSum1(weights: Float64Array): Float64Array {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

/** Every subset of that size in lexicographic order; of the middle size only those with the first part, one of each pair. */
function* subsets(parts: number, { size }: Stratum): Generator<readonly number[]> {
  const isMiddle = 2 * size === parts;
  const members = Array.from({ length: size }, (_, index) => index);
  const at = (index: number): number => members[index] ?? 0;
  for (;;) {
    yield members;
    let turn = size - 1;
    while (turn >= 0 && at(turn) === parts - size + turn) turn -= 1;
    if (turn < 0 || (isMiddle && turn === 0)) return;
    members[turn] = at(turn) + 1;
    for (let index = turn + 1; index < size; index++) members[index] = at(index - 1) + 1;
  }
}

/** So many different ones, each pair of complements with the same chance. */
function* randomSubsets(parts: number, size: number, count: number, next: () => number): Generator<readonly number[]> {
  const order = Int32Array.from({ length: parts }, (_, part) => part);
  const seen = new Set<string>();
  while (seen.size < count) {
    for (let index = 0; index < size; index++) {
      const other = index + Math.floor(next() * (parts - index));
      const swapped = order[index] ?? 0;
      order[index] = order[other] ?? 0;
      order[other] = swapped;
    }
    const drawn = order.slice(0, size).sort();
    const members = 2 * size === parts && drawn[0] !== 0 ? order.slice(size).sort() : drawn;
    const name = members.join();
    if (seen.has(name)) continue;
    seen.add(name);
    yield [...members];
  }
}

function binomial(n: number, k: number): number {
  let result = 1;
  for (let index = 1; index <= k; index++) result = (result * (n - k + index)) / index;
  return Math.round(result);
}
