const decimalSuffixes = ['m', '', 'k', 'M', 'G', 'T', 'P', 'E'] as const;
const binarySuffixes = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'] as const;

const ceilDivide = (a: bigint, b: bigint): bigint => (a % b === 0n ? a / b : a / b + 1n);

/** Reads a quantity that the CRD admits, in billionths, rounded up as an API server does; undefined for other text. */
function parsed(text: string): { billionths: bigint; isBinary: boolean } | undefined {
  const match = /^(0|[1-9]\d*)(?:\.(\d+))?(?:([KMGTPE]i)|([mkMGTPE]))?$/.exec(text);
  if (match === null) return undefined;
  const [, whole = '', fraction = '', binary, decimal] = match;
  const factor =
    binary === undefined
      ? 1_000_000n * 1000n ** BigInt(decimalSuffixes.findIndex((suffix) => suffix === (decimal ?? '')))
      : 1_000_000_000n * 1024n ** BigInt(binarySuffixes.findIndex((suffix) => suffix === binary));
  const billionths = ceilDivide(BigInt(`${whole}${fraction}`) * factor, 10n ** BigInt(fraction.length));
  return { billionths, isBinary: binary !== undefined };
}

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

/**
 * A quantity as an API server writes it back: `1000m` as `1`, `0.5Gi` as `512Mi`. What is applied must equal what is read, or every look
 * would find a difference. What is none comes back as it is, for the API server to refuse.
 * Source: k8s.io/apimachinery/pkg/api/resource, Quantity.CanonicalizeBytes, after rounding up to a thousandth.
 */
export function canonicalQuantity(quantity: string | number): string {
  const text = String(quantity);
  const known = parsed(text);
  if (known === undefined) return text;
  const thousandths = ceilDivide(known.billionths, 1_000_000n);
  if (thousandths === 0n) return '0';
  const isWhole = thousandths % 1000n === 0n;
  if (known.isBinary && isWhole && thousandths >= 1_024_000n) {
    return shortest(thousandths / 1000n, 1024n, binarySuffixes);
  }
  return shortest(thousandths, 1000n, decimalSuffixes);
}

/** A quantity as a whole number, rounded up: of memory, its bytes. @throws RangeError where it is none */
export function wholeQuantity(quantity: string | number): bigint {
  const known = parsed(String(quantity));
  if (known === undefined) throw new RangeError(`${quantity} is not a quantity`);
  return ceilDivide(known.billionths, 1_000_000_000n);
}

/** Whether the CRD admits the text as a quantity. */
export const isQuantity = (text: string): boolean => parsed(text) !== undefined;

/** A quantity in CEL. */
export class Quantity {
  readonly #billionths: bigint;

  constructor(text: string) {
    const known = parsed(text);
    if (known === undefined) throw new RangeError(`${text} is not a quantity`);
    this.#billionths = known.billionths;
  }

  /** Negative where this one is less, 0 where they are equal, positive where it is more. */
  compareTo(other: Quantity): bigint {
    const difference = this.#billionths - other.#billionths;
    return difference < 0n ? -1n : difference > 0n ? 1n : 0n;
  }
}
