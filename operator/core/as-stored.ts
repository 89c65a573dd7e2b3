import { canonicalQuantity } from '../api/quantity.ts';

/** Maps that an API server drops where they are empty. Other empty objects mean something, such as `emptyDir: {}`. */
const droppedWhenEmpty: readonly string[] = ['matchLabels', 'nodeSelector', 'labels', 'annotations'];

const isEmptyMap = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.keys(value).length === 0;

const isDropped = (name: string, value: unknown): boolean =>
  value === undefined ||
  value === '' ||
  value === false ||
  (Array.isArray(value) && value.length === 0) ||
  (droppedWhenEmpty.includes(name) && isEmptyMap(value));

/**
 * What a person wrote, as an API server writes it back: zero values gone, sizes canonical. What is applied must be part
 * of what is read, or every look would find a difference.
 */
export function asStored<Value>(value: Value): Value {
  if (Array.isArray(value)) return value.map((item: unknown) => asStored(item)) as Value;
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value)
    .filter(([name, child]) => !isDropped(name, child))
    .map(([name, child]): [string, unknown] => [
      name,
      name === 'sizeLimit' && typeof child === 'string' ? canonicalQuantity(child) : asStored(child),
    ]);
  return Object.fromEntries(entries) as Value;
}
