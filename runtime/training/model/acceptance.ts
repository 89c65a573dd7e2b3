import type { AcceptanceSpec } from '../../training-contract.ts';

/**
 * Whether a model may be served.
 *
 * @param testMetrics `loss` and each metric on the test split
 */
export function accepts(
  acceptance: AcceptanceSpec | undefined,
  testMetrics: Readonly<Record<string, number>>,
): boolean {
  if (!acceptance) return true;
  const { metric, atLeast = -Infinity, atMost = Infinity } = acceptance;
  const value = testMetrics[metric] ?? NaN;
  return value >= atLeast && value <= atMost;
}
