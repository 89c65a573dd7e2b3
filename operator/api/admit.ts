import { crds } from './crds.gen.ts';
import { celFaults } from './cel-rules.ts';
import { type FieldFault, isObject, pruned, withDefaults } from './fields.ts';
import { metadataFaults } from './metadata-check.ts';
import type { Crd, Schema } from './schema.ts';
import { schemaFaults } from './schema-check.ts';
import type { KubeObject } from '../kube/object.ts';

/** What an API server that holds the CRDs would say of an object. */
export type Verdict =
  | {
      admitted: true;
      /** With defaults, without unknown fields: what would be stored. */
      object: KubeObject;
      /** Fields that were dropped because no schema knows them. A strict client refuses the object for them. */
      unknown: FieldFault[];
    }
  | { admitted: false; faults: FieldFault[]; unknown: FieldFault[] };

function schemaOf(crd: Crd, apiVersion: string): Schema | undefined {
  const version = crd.spec.versions.find(({ name }) => `${crd.spec.group}/${name}` === apiVersion);
  return version?.schema.openAPIV3Schema;
}

/** CEL sees of an object's metadata only its name. */
function withVisibleMetadata(schema: Schema): Schema {
  const metadata: Schema = {
    type: 'object',
    properties: { name: { type: 'string' }, generateName: { type: 'string' } },
  };
  return { ...schema, properties: { ...schema.properties, metadata } };
}

const unknownField = (field: string): FieldFault => ({
  field,
  message: `unknown field "${field}"; see docs/api.md for the fields there are`,
});

/** The kinds that can be admitted, as `apiVersion, kind`. */
export function admittedKinds(): { apiVersion: string; kind: string }[] {
  return crds.flatMap(({ spec }) =>
    spec.versions.map(({ name }) => ({ apiVersion: `${spec.group}/${name}`, kind: spec.names.kind })),
  );
}

/**
 * Judges an object by its CRD: defaults, schema and CEL rules, with the verdict and on the field of a kube-apiserver.
 * `old` is the stored object that an update replaces. As there, rules run only where the schema has nothing to say.
 * Status is taken as it is given.
 */
export function admit(object: unknown, old?: KubeObject): Verdict {
  const refused = (...faults: FieldFault[]): Verdict => ({ admitted: false, faults, unknown: [] });
  if (!isObject(object))
    return refused({ field: '', message: 'Invalid value: must be an object with apiVersion and kind' });
  const { apiVersion, kind } = object;
  const kinds = admittedKinds();
  const known = kinds.map((each) => `${each.apiVersion} ${each.kind}`).join(', ');
  if (typeof kind !== 'string') return refused({ field: 'kind', message: `Required value: one of ${known}` });
  if (typeof apiVersion !== 'string')
    return refused({ field: 'apiVersion', message: `Required value: one of ${known}` });
  const crd = crds.find((each) => each.spec.names.kind === kind);
  if (crd === undefined) return refused({ field: 'kind', message: `Unsupported value: "${kind}": known are ${known}` });
  const schema = schemaOf(crd, apiVersion);
  if (schema === undefined) {
    return refused({ field: 'apiVersion', message: `Unsupported value: "${apiVersion}": known are ${known}` });
  }
  const strict = pruned(object, schema);
  const unknown = strict.unknown.map(unknownField);
  const value = withDefaults(strict.value, schema);
  const faults = [...metadataFaults(value), ...schemaFaults(value, schema)];
  if (faults.length === 0) {
    const visible = withVisibleMetadata(schema);
    faults.push(...celFaults(value, old === undefined ? undefined : withDefaults(old, schema), visible));
  }
  return faults.length > 0
    ? { admitted: false, faults, unknown }
    : { admitted: true, object: value as KubeObject, unknown };
}

/** `FIELD: MESSAGE`, one fault a line. */
export function faultsText(faults: readonly FieldFault[]): string {
  return faults.map(({ field, message }) => (field === '' ? message : `${field}: ${message}`)).join('\n');
}
