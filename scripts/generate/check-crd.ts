/** The rules every CRD keeps, so that a mistake is found before an API server finds it. */
import { Environment } from '@marcbachmann/cel-js';
import { celFaults } from '../../operator/api/cel-rules.ts';
import { schemaFaults } from '../../operator/api/schema-check.ts';
import type { Crd, Schema } from '../../operator/api/schema.ts';

/** The size an expanded CRD may have, in bytes: well under what etcd, Helm and client-side apply take. */
const maxBytes = 100_000;

const cel = new Environment({ unlistedVariablesAreDyn: true, enableOptionalTypes: true });

function ruleProblems(schema: Schema, path: string): string[] {
  return (schema['x-kubernetes-validations'] ?? []).flatMap(({ rule, message }) => {
    const problems: string[] = [];
    if (message === '') problems.push(`${path}: the rule ${rule} has no message`);
    try {
      cel.parse(rule);
    } catch (error) {
      problems.push(`${path}: the rule ${rule} does not parse: ${String(error)}`);
    }
    return problems;
  });
}

/** Kubernetes estimates the cost of CEL by these bounds, and a person cannot fill the store through one field. */
function boundProblems(schema: Schema, path: string): string[] {
  if (schema.type === 'string' && schema.enum === undefined && schema.maxLength === undefined) {
    if (schema.format !== 'date-time') return [`${path}: a string needs maxLength or enum`];
  }
  if (schema.type === 'array' && schema.maxItems === undefined) return [`${path}: a list needs maxItems`];
  if (schema.additionalProperties !== undefined && schema.maxProperties === undefined) {
    return [`${path}: a map needs maxProperties`];
  }
  return [];
}

function structuralProblems(schema: Schema, path: string): string[] {
  const problems: string[] = [];
  const intOrString = schema['x-kubernetes-int-or-string'] === true;
  if (schema.type === undefined && !intOrString) problems.push(`${path}: type is missing`);
  if (schema.anyOf !== undefined && !intOrString) problems.push(`${path}: anyOf is only for integers or strings`);
  if (schema.properties !== undefined && schema.additionalProperties !== undefined) {
    problems.push(`${path}: properties and additionalProperties exclude each other`);
  }
  if (schema.type === 'array' && schema.items === undefined) problems.push(`${path}: items is missing`);
  for (const name of schema.required ?? []) {
    if (schema.properties?.[name] === undefined) problems.push(`${path}: requires ${name}, which it does not have`);
    if (schema.properties?.[name]?.default !== undefined) problems.push(`${path}.${name}: required, yet has a default`);
  }
  return problems;
}

/** An API server judges a default as it is written, before the defaults below it are filled in. */
function defaultProblems(schema: Schema, path: string): string[] {
  if (schema.default === undefined) return [];
  const faults = [...schemaFaults(schema.default, schema), ...celFaults(schema.default, undefined, schema)];
  return faults.map(({ field, message }) => `${path}: its default is refused: ${field} ${message}`);
}

function* nodes(schema: Schema, path: string): Generator<[Schema, string]> {
  yield [schema, path];
  for (const [name, child] of Object.entries(schema.properties ?? {})) yield* nodes(child, `${path}.${name}`);
  if (schema.additionalProperties !== undefined) yield* nodes(schema.additionalProperties, `${path}.*`);
  if (schema.items !== undefined) yield* nodes(schema.items, `${path}[]`);
}

/** Every breach of the rules, empty where there is none. */
export function crdProblems(crd: Crd, expandedBytes: number): string[] {
  const { kind } = crd.spec.names;
  const problems = crd.spec.versions.flatMap(({ schema }) => {
    const all = [...nodes(schema.openAPIV3Schema, kind)];
    return all.flatMap(([node, path]) => [
      ...structuralProblems(node, path),
      ...ruleProblems(node, path),
      ...defaultProblems(node, path),
      ...(path.startsWith(`${kind}.spec`) || path.startsWith(`${kind}.status`) ? boundProblems(node, path) : []),
    ]);
  });
  if (expandedBytes > maxBytes) problems.push(`${kind}: ${expandedBytes} bytes; the limit is ${maxBytes}`);
  return problems;
}
