import { createHash } from 'node:crypto';

/** Where a value is a quantity, so that `1000m` and `1` are the same. Elsewhere a text is just a text. */
const quantityMaps = new Set(['limits', 'requests', 'capacity', 'hard', 'overhead']);
const quantityFields = new Set(['sizeLimit', 'divisor']);

const suffixes: Record<string, number> = {
  n: 1e-9, u: 1e-6, m: 1e-3, '': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18,
  Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60,
}; // prettier-ignore

/** The number a Kubernetes quantity stands for, such as 0.5 for `500m`; undefined where it is none. */
function quantityOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string') return undefined;
  const match = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:[eE]([+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)$/.exec(value);
  if (match === null) return undefined;
  return Number(`${match[1] ?? ''}e${match[2] ?? '0'}`) * (suffixes[match[3] ?? ''] ?? Number.NaN);
}

function sameQuantity(left: unknown, right: unknown): boolean {
  const [a, b] = [quantityOf(left), quantityOf(right)];
  return a !== undefined && b !== undefined && Math.abs(a - b) <= 1e-12 * Math.max(Math.abs(a), Math.abs(b));
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What the API server leaves out: null, an empty text, list or map, false and 0. */
function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isEmpty) && value.length === 0;
  if (isRecord(value)) return Object.values(value).every(isEmpty);
  return value === undefined || value === null || value === '' || value === false || value === 0;
}

/** Lists that the API server merges by a key, where others may add elements of their own. */
function mergeKey(list: readonly unknown[]): string | undefined {
  return ['uid', 'name', 'type'].find((key) =>
    list.every((element) => isRecord(element) && typeof element[key] === 'string'),
  );
}

function listWithin(desired: readonly unknown[], observed: readonly unknown[]): boolean {
  const key = mergeKey(desired);
  if (key === undefined || desired.length === 0) {
    return desired.length === observed.length && desired.every((element, index) => within(element, observed[index]));
  }
  const known = new Map(observed.filter(isRecord).map((element) => [element[key], element]));
  return desired.every((element) => isRecord(element) && within(element, known.get(element[key])));
}

/**
 * Whether everything desired is there. What is there besides (defaults, status, additions by others) does not count; neither
 * does how a quantity is written, nor whether something empty is written at all.
 */
export function within(desired: unknown, observed: unknown, parent = ''): boolean {
  if (observed === undefined || observed === null) return isEmpty(desired);
  if (Array.isArray(desired)) return Array.isArray(observed) ? listWithin(desired, observed) : false;
  if (isRecord(desired)) {
    return (
      isRecord(observed) &&
      Object.entries(desired).every(([field, value]) =>
        within(value, observed[field], quantityMaps.has(parent) ? parent : field),
      )
    );
  }
  if (desired === undefined || desired === null) return isEmpty(observed);
  return (
    desired === observed ||
    ((quantityMaps.has(parent) || quantityFields.has(parent)) && sameQuantity(desired, observed))
  );
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .filter((field) => value[field] !== undefined)
      .sort()
      .map((field) => [field, sorted(value[field])]),
  );
}

/** 64 bits of SHA-256 in hex, over JSON with sorted fields: the same for the same content, whatever the order. */
export function contentHash(value: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(sorted(value)))
    .digest('hex')
    .slice(0, 16);
}
