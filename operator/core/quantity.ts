/**
 * Quantities as an API server writes them back: `1000m` as `1`, `0.5Gi` as `512Mi`. What is applied must equal what is
 * read, or every look would find a difference.
 * Source: k8s.io/apimachinery/pkg/api/resource, Quantity.CanonicalizeBytes.
 */

const nano = 1_000_000_000n;
const decimalSuffixes = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'] as const;
const binarySuffixes = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'] as const;

interface Parsed {
  /** In billionths, rounded up as an API server does. */
  nanos: bigint;
  format: 'decimal' | 'binary' | 'exponent';
}

const ceilDivide = (a: bigint, b: bigint): bigint => (a % b === 0n ? a / b : a / b + 1n);

function parse(text: string): Parsed | undefined {
  const match = /^\+?(\d*)(?:\.(\d*))?(?:([KMGTPE]i)|([numkMGTPE])|[eE]([+-]?\d+))?$/.exec(text);
  if (match === null) return undefined;
  const [, whole = '', fraction = '', binary, decimal, exponent] = match;
  if (whole === '' && fraction === '') return undefined;
  const digits = BigInt(`${whole}${fraction}`);
  const below = 10n ** BigInt(fraction.length);
  if (binary !== undefined) {
    const factor = 1024n ** BigInt(binarySuffixes.findIndex((suffix) => suffix === binary));
    return { nanos: ceilDivide(digits * factor * nano, below), format: 'binary' };
  }
  const power =
    exponent === undefined
      ? decimalSuffixes.findIndex((suffix) => suffix === (decimal ?? '')) * 3
      : Number(exponent) + 9;
  if (power > 60 || power < -60) return undefined;
  const nanos =
    power >= 0 ? ceilDivide(digits * 10n ** BigInt(power), below) : ceilDivide(digits, below * 10n ** BigInt(-power));
  return { nanos, format: exponent === undefined ? 'decimal' : 'exponent' };
}

function binaryText(nanos: bigint): string {
  let amount = ceilDivide(nanos, nano);
  let step = 0;
  while (amount % 1024n === 0n && step < binarySuffixes.length - 1) {
    amount /= 1024n;
    step += 1;
  }
  return `${amount}${binarySuffixes[step] ?? ''}`;
}

function decimalText(nanos: bigint, format: Parsed['format']): string {
  let amount = nanos;
  let step = 0;
  while (amount % 1000n === 0n && step < decimalSuffixes.length - 1) {
    amount /= 1000n;
    step += 1;
  }
  if (format !== 'exponent') return `${amount}${decimalSuffixes[step] ?? ''}`;
  const power = (step - 3) * 3;
  return power === 0 ? String(amount) : `${amount}e${power}`;
}

/** The canonical text of a quantity; what is none comes back as it is, for the API server to refuse. */
export function canonicalQuantity(quantity: string | number): string {
  const text = String(quantity);
  const parsed = parse(text);
  if (parsed === undefined) return text;
  if (parsed.nanos === 0n) return '0';
  if (parsed.format === 'binary' && parsed.nanos >= 1024n * nano) return binaryText(parsed.nanos);
  return decimalText(parsed.nanos, parsed.format === 'exponent' ? 'exponent' : 'decimal');
}
