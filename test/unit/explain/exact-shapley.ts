/**
 * Shapley values by their definition: the mean of what each player adds over every order in which players may come.
 *
 * @param value of a coalition, player i being in it where bit i is set
 */
export function exactShapley(players: number, value: (coalition: number) => number): number[] {
  const values = Float64Array.from({ length: 2 ** players }, (_, coalition) => value(coalition));
  const shareOf = Array.from({ length: players }, (_, size) => 1 / (players * binomial(players - 1, size)));
  return Array.from({ length: players }, (_, player) => {
    let sum = 0;
    for (let coalition = 0; coalition < values.length; coalition++) {
      if (coalition & (1 << player)) continue;
      const added = (values[coalition | (1 << player)] ?? 0) - (values[coalition] ?? 0);
      sum += (shareOf[bits(coalition)] ?? 0) * added;
    }
    return sum;
  });
}

function bits(coalition: number): number {
  let count = 0;
  for (let rest = coalition; rest > 0; rest &= rest - 1) count += 1;
  return count;
}

const binomial = (n: number, k: number): number => (k === 0 ? 1 : (binomial(n - 1, k - 1) * n) / k);

/** The mean over a background of what a model gives where the features of a coalition are the instance's. */
export function interventional(
  of: (row: number[]) => number,
  instance: readonly number[],
  background: readonly (readonly number[])[],
): (coalition: number) => number {
  return (coalition) => {
    const mixed = background.map((row) => row.map((value, i) => (coalition & (1 << i) ? (instance[i] ?? 0) : value)));
    return mixed.reduce((sum, row) => sum + of(row), 0) / background.length;
  };
}
