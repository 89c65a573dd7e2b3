/**
 * Quantities as an API server writes them back: `1000m` as `1`, `0.5Gi` as `512Mi`. What is applied must equal what is
 * read, or every look would find a difference.
 * Source: k8s.io/apimachinery/pkg/api/resource, Quantity.CanonicalizeBytes, after rounding up to a thousandth.
 */

const decimalSuffixes = ['m', '', 'k', 'M', 'G', 'T', 'P', 'E'] as const;
const binarySuffixes = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'] as const;

const ceilDivide = (a: bigint, b: bigint): bigint => (a % b === 0n ? a / b : a / b + 1n);

/** An amount with the largest suffix that leaves it whole. */
function shortest(amount: bigint, base: bigint, suffixes: readonly string[]): string {
  let whole = amount;
  let step = 0;
  while (whole % base === 0n && step < suffixes.length - 1) {
    whole /= base;
    step += 1;
  }
  return `${whole}${suffixes[step] ?? ''}`;
}

/** The canonical text of a quantity that the CRD admits; what is none comes back as it is, for the API server to refuse. */
export function canonicalQuantity(quantity: string | number): string {
  const text = String(quantity);
  const match = /^(0|[1-9]\d*)(?:\.(\d+))?(?:([KMGTPE]i)|([mkMGTPE]))?$/.exec(text);
  if (match === null) return text;
  const [, whole = '', fraction = '', binary, decimal] = match;
  const factor =
    binary === undefined
      ? 1000n ** BigInt(decimalSuffixes.findIndex((suffix) => suffix === (decimal ?? '')))
      : 1000n * 1024n ** BigInt(binarySuffixes.findIndex((suffix) => suffix === binary));
  const thousandths = ceilDivide(BigInt(`${whole}${fraction}`) * factor, 10n ** BigInt(fraction.length));
  if (thousandths === 0n) return '0';
  const isWhole = thousandths % 1000n === 0n;
  if (binary !== undefined && isWhole && thousandths >= 1_024_000n) {
    return shortest(thousandths / 1000n, 1024n, binarySuffixes);
  }
  return shortest(thousandths, 1000n, decimalSuffixes);
}
