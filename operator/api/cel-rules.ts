import { Environment } from '@marcbachmann/cel-js';
import { childPath, type FieldFault, isObject } from './fields.ts';
import { isQuantity, Quantity } from './quantity.ts';
import type { Schema, ValidationRule } from './schema.ts';

/** Of what Kubernetes adds to CEL, what the rules of the CRDs use. */
const environment = new Environment({ unlistedVariablesAreDyn: true, enableOptionalTypes: true })
  .registerType('Quantity', Quantity)
  .registerFunction('quantity(string): Quantity', (text: string) => new Quantity(text))
  .registerFunction('isQuantity(string): bool', isQuantity)
  .registerFunction('Quantity.compareTo(Quantity): int', (one: Quantity, other: Quantity) => one.compareTo(other));

type Program = (context: { self: unknown; oldSelf?: unknown }) => unknown;
const programs = new Map<string, Program>();

function programOf(rule: string): Program {
  const known = programs.get(rule);
  if (known !== undefined) return known;
  const program: Program = environment.parse(rule);
  programs.set(rule, program);
  return program;
}

/** A value as CEL sees it: integers as integers, and nothing that the schema does not describe. */
function celValue(value: unknown, schema: Schema): unknown {
  if (Array.isArray(value)) return Array.from(value, (item) => celValue(item, schema.items ?? {}));
  if (isObject(value)) {
    // CEL cannot look into what is merely preserved, but `self == oldSelf` must still see it change.
    if (schema['x-kubernetes-preserve-unknown-fields'] === true) return JSON.stringify(value);
    return Object.fromEntries(
      Object.entries(value).flatMap(([name, child]) => {
        const childSchema = schema.properties?.[name] ?? schema.additionalProperties;
        return childSchema === undefined ? [] : [[name, celValue(child, childSchema)]];
      }),
    );
  }
  if (typeof value === 'number' && Number.isInteger(value) && schema.type !== 'number') return BigInt(value);
  return value;
}

const isTransition = (rule: string): boolean => /\boldSelf\b/.test(rule);

function holds(rule: ValidationRule, self: unknown, oldSelf: unknown): boolean {
  return programOf(rule.rule)({ self, ...(oldSelf === undefined ? {} : { oldSelf }) }) === true;
}

function ruleFaults(value: unknown, old: unknown, schema: Schema, path: string): FieldFault[] {
  const rules = schema['x-kubernetes-validations'] ?? [];
  if (rules.length === 0) return [];
  const self = celValue(value, schema);
  const oldSelf = old === undefined ? undefined : celValue(old, schema);
  return rules.flatMap((rule) => {
    if (isTransition(rule.rule) && oldSelf === undefined) return [];
    const field = `${path}${rule.fieldPath ?? ''}`.replace(/^\./, '');
    try {
      return holds(rule, self, oldSelf) ? [] : [{ field, message: `Invalid value: ${rule.message}` }];
    } catch (error) {
      // An API server refuses the object too where a rule cannot be evaluated, and says why.
      const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
      return [{ field, message: `Invalid value: ${rule.message} (the rule could not be evaluated: ${reason})` }];
    }
  });
}

/** The item of the old list that is the same entry: by map keys, and in other lists none, as Kubernetes has it. */
function counterpart(item: unknown, old: unknown, schema: Schema): unknown {
  const keys = schema['x-kubernetes-list-map-keys'];
  if (schema['x-kubernetes-list-type'] !== 'map' || keys === undefined || !Array.isArray(old)) return undefined;
  return old.find(
    (other: unknown) => isObject(item) && isObject(other) && keys.every((key) => item[key] === other[key]),
  );
}

/** What the CEL rules say against a value that its schema accepts. `old` is the value before an update. */
export function celFaults(value: unknown, old: unknown, schema: Schema, path = ''): FieldFault[] {
  const own = ruleFaults(value, old, schema, path);
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items === undefined) return own;
    const below = value.flatMap((item, index) =>
      celFaults(item, counterpart(item, old, schema), items, `${path}[${index}]`),
    );
    return [...own, ...below];
  }
  if (!isObject(value)) return own;
  const below = Object.entries(value).flatMap(([name, child]) => {
    const childSchema = schema.properties?.[name] ?? schema.additionalProperties;
    if (childSchema === undefined) return [];
    return celFaults(child, isObject(old) ? old[name] : undefined, childSchema, childPath(path, name));
  });
  return [...own, ...below];
}
