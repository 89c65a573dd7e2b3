/** What an API server answers when it refuses: the same statuses and reasons, in messages of the same shape. */
import { KubeError } from '../../operator/kube/errors.ts';

interface Named {
  apiVersion: string;
  kind: string;
  name: string;
}

/** `deployments.apps "digits"`. */
function named({ apiVersion, kind, name }: Named): string {
  const group = apiVersion.includes('/') ? `.${apiVersion.split('/')[0] ?? ''}` : '';
  const plural = `${kind.toLowerCase()}${kind.endsWith('y') ? '' : 's'}`.replace(/y$/, 'ies');
  return `${plural}${group} "${name}"`;
}

const qualifiedKind = ({ apiVersion, kind }: Named): string =>
  apiVersion.includes('/') ? `${kind}.${apiVersion.split('/')[0] ?? ''}` : kind;

export const notFound = (ref: Named): KubeError => new KubeError(404, 'NotFound', `${named(ref)} not found`);

export const alreadyExists = (ref: Named): KubeError =>
  new KubeError(409, 'AlreadyExists', `${named(ref)} already exists`);

export const conflict = (ref: Named, why: string): KubeError =>
  new KubeError(409, 'Conflict', `Operation cannot be fulfilled on ${named(ref)}: ${why}`);

export const forbidden = (message: string): KubeError => new KubeError(403, 'Forbidden', message);

/** One or more fields are wrong; `faults` say which. */
export function invalid(ref: Named, faults: readonly { field: string; message: string }[]): KubeError {
  const text = faults.map(({ field, message }) => `${field}: ${message}`);
  const list = text.length === 1 ? text[0] : `[${text.join(', ')}]`;
  return new KubeError(422, 'Invalid', `${qualifiedKind(ref)} "${ref.name}" is invalid: ${list ?? ''}`, {
    details: {
      name: ref.name,
      kind: ref.kind,
      causes: faults.map((fault) => ({ reason: 'FieldValueInvalid', ...fault })),
    },
  });
}

export const tooOld = (version: number): KubeError =>
  new KubeError(410, 'Expired', `too old resource version: ${version}`);
