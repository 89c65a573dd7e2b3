import { admit, admittedKinds } from '../../operator/api/admit.ts';
import type { Admission } from './cluster.ts';
import { invalid } from './refusals.ts';

/** Judges our own kinds as the API server judges them by their CRDs; other kinds pass. */
export const crdAdmission: Admission = (object, previous) => {
  const ours = admittedKinds().some(({ apiVersion, kind }) => apiVersion === object.apiVersion && kind === object.kind);
  if (!ours) return object;
  const verdict = admit(object, previous);
  if (verdict.admitted) return verdict.object;
  throw invalid({ apiVersion: object.apiVersion, kind: object.kind, name: object.metadata.name }, verdict.faults);
};
