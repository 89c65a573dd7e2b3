import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { childPath, type FieldFault, isObject } from './fields.ts';
import type { Schema } from './schema.ts';

const integerIn = (low: bigint, high: bigint) => ({
  type: 'number' as const,
  validate: (value: number): boolean => !Number.isInteger(value) || (BigInt(value) >= low && BigInt(value) <= high),
});

const rfc3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

const ajv = new Ajv({
  allErrors: true,
  strict: false,
  verbose: true,
  formats: {
    int32: integerIn(-(2n ** 31n), 2n ** 31n - 1n),
    int64: integerIn(-(2n ** 63n), 2n ** 63n - 1n),
    'date-time': rfc3339,
  },
});

const compiled = new WeakMap<Schema, ValidateFunction>();

function validatorOf(schema: Schema): ValidateFunction {
  const known = compiled.get(schema);
  if (known !== undefined) return known;
  const validator = ajv.compile(schema);
  compiled.set(schema, validator);
  return validator;
}

/** `/spec/volumes/0/name` → `spec.volumes[0].name`. */
function fieldOf(pointer: string, root: unknown): string {
  let path = '';
  let at: unknown = root;
  for (const part of pointer.split('/').slice(1)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    path = Array.isArray(at) ? `${path}[${name}]` : childPath(path, name);
    at = Array.isArray(at) ? at[Number(name)] : isObject(at) ? at[name] : undefined;
  }
  return path;
}

const shown = (value: unknown): string => {
  const text = JSON.stringify(value);
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
};

function messageOf(error: ErrorObject): string {
  const schema = (error.parentSchema ?? {}) as Schema;
  const params = error.params as Record<string, unknown>;
  const found = `Invalid value: ${shown(error.data)}`;
  const meaning = schema.description === undefined ? '' : ` (${schema.description})`;
  switch (error.keyword) {
    case 'required':
      return 'Required value';
    case 'enum':
      return `Unsupported value: ${shown(error.data)}: supported values: ${(schema.enum ?? []).map(shown).join(', ')}`;
    case 'pattern':
      return `${found}: should match '${schema.pattern ?? ''}'${meaning}`;
    case 'type':
      return `${found}: must be of type ${String(params.type)}`;
    case 'anyOf':
      return `${found}: must be an integer or a string`;
    case 'maxLength':
      return `Too long: may not be more than ${String(params.limit)} characters`;
    case 'maxItems':
      return `Too many: ${Array.isArray(error.data) ? error.data.length : 0}: must have at most ${String(params.limit)} items`;
    case 'maxProperties':
      return `Too many: must have at most ${String(params.limit)} entries`;
    case 'minimum':
      return `${found}: should be greater than or equal to ${String(params.limit)}`;
    case 'maximum':
      return `${found}: should be less than or equal to ${String(params.limit)}`;
    default:
      return `${found}: ${error.message ?? error.keyword}`;
  }
}

/** Faults of uniqueness in lists that are maps or sets. */
function duplicateFaults(value: unknown, schema: Schema, path: string): FieldFault[] {
  if (Array.isArray(value)) {
    const seen = new Set<string>();
    const keys = schema['x-kubernetes-list-map-keys'] ?? [];
    const type = schema['x-kubernetes-list-type'];
    return value.flatMap((item: unknown, index) => {
      const at = `${path}[${index}]`;
      const faults = duplicateFaults(item, schema.items ?? {}, at);
      if (type !== 'map' && type !== 'set') return faults;
      const key =
        type === 'set' ? item : Object.fromEntries(keys.map((name) => [name, isObject(item) ? item[name] : '']));
      const text = JSON.stringify(key);
      if (seen.has(text)) return [{ field: at, message: `Duplicate value: ${text}` }, ...faults];
      seen.add(text);
      return faults;
    });
  }
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([name, child]) => {
    const childSchema = schema.properties?.[name] ?? schema.additionalProperties;
    return childSchema === undefined ? [] : duplicateFaults(child, childSchema, childPath(path, name));
  });
}

/** What a schema says against a value: types, bounds, patterns, required fields, duplicates. */
export function schemaFaults(value: unknown, schema: Schema): FieldFault[] {
  const validate = validatorOf(schema);
  const errors = validate(value) ? [] : (validate.errors ?? []);
  const faults = errors
    // The branches of an integer-or-string: their anyOf speaks for them.
    .filter((error) => !error.schemaPath.includes('/anyOf/'))
    .map((error) => {
      const field = fieldOf(error.instancePath, value);
      const missing: unknown = error.keyword === 'required' ? error.params.missingProperty : undefined;
      return { field: typeof missing === 'string' ? childPath(field, missing) : field, message: messageOf(error) };
    });
  return [...faults, ...duplicateFaults(value, schema, '')];
}
