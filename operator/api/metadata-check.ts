import { type FieldFault, isObject } from './fields.ts';

const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const qualifiedName = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$/;
const labelValue = /^(([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9])?$/;

function entryFaults(field: string, entries: unknown, valid: (value: string) => boolean, rule: string): FieldFault[] {
  if (entries === undefined || entries === null) return [];
  if (!isObject(entries)) return [{ field, message: 'Invalid value: must be a map of strings' }];
  return Object.entries(entries).flatMap(([name, value]) => {
    if (!qualifiedName.test(name)) {
      return [{ field, message: `Invalid value: "${name}": a key must be a name such as team or example.com/team` }];
    }
    if (typeof value !== 'string')
      return [{ field: `${field}.${name}`, message: 'Invalid value: must be a string; quote it' }];
    return valid(value) ? [] : [{ field: `${field}.${name}`, message: `Invalid value: "${value}": ${rule}` }];
  });
}

/** What every API server asks of the metadata of a namespaced object. */
export function metadataFaults(object: unknown): FieldFault[] {
  const metadata = isObject(object) ? object.metadata : undefined;
  if (!isObject(metadata))
    return [{ field: 'metadata.name', message: 'Required value: name or generateName is required' }];
  const { name, namespace, labels, annotations } = metadata;
  const faults: FieldFault[] = [];
  if (name === undefined || name === '') {
    faults.push({ field: 'metadata.name', message: 'Required value: name or generateName is required' });
  } else if (typeof name !== 'string' || name.length > 253 || !subdomain.test(name)) {
    const rule = "must consist of lower case letters, digits, '-' or '.', and start and end with a letter or digit";
    faults.push({ field: 'metadata.name', message: `Invalid value: ${JSON.stringify(name)}: ${rule}` });
  }
  if (namespace !== undefined && (typeof namespace !== 'string' || namespace.length > 63 || !label.test(namespace))) {
    const rule = "must consist of at most 63 lower case letters, digits or '-'";
    faults.push({ field: 'metadata.namespace', message: `Invalid value: ${JSON.stringify(namespace)}: ${rule}` });
  }
  const labelRule = "must be at most 63 letters, digits, '-', '_' or '.', and start and end with a letter or digit";
  return [
    ...faults,
    ...entryFaults('metadata.labels', labels, (value) => labelValue.test(value), labelRule),
    ...entryFaults('metadata.annotations', annotations, () => true, ''),
  ];
}
