import type { Schema } from './schema.ts';

/** One fault of an object, as a kube-apiserver would find it. */
export interface FieldFault {
  /** Such as `spec.model.uri` or `spec.podTemplate.volumes[0].name`; empty for the object as a whole. */
  field: string;
  /** What is wrong and what would be right. */
  message: string;
}

export type Json = Record<string, unknown>;

export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const childPath = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`);

/** Fields that every object has and no CRD describes. */
const envelope = ['apiVersion', 'kind', 'metadata'];

/** A copy without nulls where null is not allowed, and with every default in place: what the API server stores. */
export function withDefaults(value: unknown, schema: Schema): unknown {
  if (Array.isArray(value)) return value.map((item) => withDefaults(item, schema.items ?? {}));
  if (!isObject(value)) return value;
  const known = schema.properties ?? {};
  const copy: Json = {};
  for (const [name, child] of Object.entries(value)) {
    if (child === undefined) continue;
    const childSchema = known[name] ?? schema.additionalProperties;
    if (childSchema === undefined) copy[name] = child;
    else if (child !== null || childSchema.nullable === true) copy[name] = withDefaults(child, childSchema);
  }
  for (const [name, child] of Object.entries(known)) {
    if (copy[name] !== undefined || child.default === undefined) continue;
    copy[name] = withDefaults(structuredClone(child.default), child);
  }
  return copy;
}

export interface Pruned {
  value: unknown;
  /** The paths of fields that the schema does not know. */
  unknown: string[];
}

/** A copy without the fields that the schema does not know, and what they were. */
export function pruned(value: unknown, schema: Schema, path = ''): Pruned {
  if (Array.isArray(value)) {
    const items = value.map((item, index) => pruned(item, schema.items ?? {}, `${path}[${index}]`));
    return { value: items.map((item) => item.value), unknown: items.flatMap((item) => item.unknown) };
  }
  if (!isObject(value)) return { value, unknown: [] };
  const copy: Json = {};
  const unknown: string[] = [];
  for (const [name, child] of Object.entries(value)) {
    const at = childPath(path, name);
    const childSchema = schema.properties?.[name] ?? schema.additionalProperties;
    if (schema['x-kubernetes-preserve-unknown-fields'] === true || (path === '' && envelope.includes(name))) {
      copy[name] = child;
    } else if (childSchema === undefined) {
      // Below a value of the wrong type nothing is known, and the type is the fault to name.
      if (schema.type === 'object') unknown.push(at);
      else copy[name] = child;
    } else {
      const inner = pruned(child, childSchema, at);
      copy[name] = inner.value;
      unknown.push(...inner.unknown);
    }
  }
  return { value: copy, unknown };
}
