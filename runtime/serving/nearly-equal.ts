/** Equal up to the rounding that another order of summation brings. What is no number proves nothing. */
export function nearlyEqual(expected: ArrayLike<number>, actual: ArrayLike<number>): boolean {
  if (expected.length !== actual.length) return false;
  for (let index = 0; index < expected.length; index++) {
    const [value, other] = [expected[index] ?? NaN, actual[index] ?? NaN];
    if (!(Math.abs(value - other) <= 1e-4 * Math.max(1, Math.abs(value)))) return false;
  }
  return true;
}
