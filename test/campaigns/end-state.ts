import type { KubeObject } from '../../operator/kube/object.ts';

/** A state as `Kind/NAME.path.to.field` → JSON of the value. */
export type FlatState = Map<string, string>;

/** Fields that differ between any two runs, whoever made them. */
const masked = new Set([
  'uid',
  'resourceVersion',
  'creationTimestamp',
  'managedFields',
  'lastTransitionTime',
  'lastUpdateTime',
  'startTime',
  'activeTime',
  'activeSeconds',
  'completionTime',
]);

function flatten(value: unknown, path: string, into: FlatState): void {
  if (Array.isArray(value)) {
    value.forEach((item, index) => flatten(item, `${path}[${index}]`, into));
    if (value.length === 0) into.set(path, '[]');
  } else if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).filter(([name]) => !masked.has(name));
    for (const [name, field] of fields) flatten(field, `${path}.${name}`, into);
    if (fields.length === 0) into.set(path, '{}');
  } else into.set(path, JSON.stringify(value));
}

/** Every field of every object, with the namespace's own name taken out. */
export function flatState(objects: readonly KubeObject[], namespace: string): FlatState {
  const state: FlatState = new Map();
  for (const object of objects) flatten(object, `${object.kind}/${object.metadata.name}`, state);
  return new Map([...state].map(([path, value]) => [path, value.replaceAll(namespace, 'NAMESPACE')]));
}

/** The paths at which two states differ. */
export function differences(a: FlatState, b: FlatState): string[] {
  return [...new Set([...a.keys(), ...b.keys()])].filter((path) => a.get(path) !== b.get(path)).sort();
}
