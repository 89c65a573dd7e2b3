import { describe, expect, test } from '@jest/globals';
import { canonicalQuantity, wholeQuantity } from '../../../operator/api/quantity.ts';

/** Right-hand sides are what kube-apiserver 1.37 wrote back into a Deployment. */
describe('quantities are written as an API server writes them back', () => {
  test.each([
    [1, '1'],
    ['1000m', '1'],
    ['1500m', '1500m'],
    ['0.5', '500m'],
    ['0', '0'],
    ['0Gi', '0'],
    ['1024Mi', '1Gi'],
    ['2.5Gi', '2560Mi'],
    ['0.5Gi', '512Mi'],
    ['1000Ki', '1000Ki'],
    ['0.5Ki', '512'],
    ['1000', '1k'],
    ['1500', '1500'],
    ['2000M', '2G'],
    ['1.5G', '1500M'],
    ['1.1Ki', '1126400m'],
    ['0.3Gi', '322122547200m'],
    ['0.0001Gi', '107374183m'],
    ['0.0001', '1m'],
    ['1E', '1E'],
    ['128974848', '128974848'],
  ])('%s → %s', (given, stored) => {
    expect(canonicalQuantity(given)).toBe(stored);
    expect(canonicalQuantity(stored)).toBe(stored);
  });

  test.each(['x', '', '1x', '1e3', '-1'])('%j is left for the API server to refuse', (given) => {
    expect(canonicalQuantity(given)).toBe(given);
  });
});

describe('quantities of memory as bytes', () => {
  test.each([
    [1, 1n],
    ['4Gi', 4_294_967_296n],
    ['0.3Gi', 322_122_548n],
    ['1500m', 2n],
    ['1.5G', 1_500_000_000n],
    ['0', 0n],
    ['8E', 8_000_000_000_000_000_000n],
  ])('%s are %s', (given, bytes) => {
    expect(wholeQuantity(given)).toBe(bytes);
  });

  test('what is none has no bytes', () => {
    expect(() => wholeQuantity('much')).toThrow('much is not a quantity');
  });
});
