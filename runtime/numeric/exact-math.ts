/**
 * Functions that decide bytes of a model. They are made of additions, multiplications, divisions and square roots alone,
 * which IEEE 754 defines to the last bit; `Math.cos` and its like differ from one machine to another.
 */

/** @param exponent a whole number from 0 */
export function power(base: number, exponent: number): number {
  let result = 1;
  for (let square = base, left = exponent; left > 0; square *= square, left = Math.floor(left / 2))
    if (left % 2 === 1) result *= square;
  return result;
}

/** cos(πx) for x from -1 to 1, within 1e-15; exact at -1, 0 and 1. */
export function cosineOfPi(x: number): number {
  const fromEnd = 1 - Math.abs(x);
  if (fromEnd < 0.5) return -cosineOfPi(fromEnd);
  const angle = Math.PI * x;
  let [term, sum] = [1, 1];
  for (let n = 1; n <= 21; n += 2) {
    term *= -(angle * angle) / (n * (n + 1));
    sum += term;
  }
  return sum;
}

/** The natural logarithm of x > 0, within 1e-15 relative to 1 or to the result, whichever is larger. */
export function logarithm(x: number): number {
  let [mantissa, exponent] = [x, 0];
  for (; mantissa > Math.SQRT2; mantissa /= 2) exponent += 1;
  for (; mantissa < Math.SQRT1_2; mantissa *= 2) exponent -= 1;
  const ratio = (mantissa - 1) / (mantissa + 1);
  let [oddPower, sum] = [ratio, ratio];
  for (let n = 3; n <= 25; n += 2) {
    oddPower *= ratio * ratio;
    sum += oddPower / n;
  }
  return 2 * sum + exponent * Math.LN2;
}
