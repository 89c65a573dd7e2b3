import type { RuntimeInputs } from '../../operator/core/inputs.ts';
import type { KubeObject } from '../../operator/kube/object.ts';

/** How the operator of these tests is configured. */
export const runtimeInputs: RuntimeInputs = {
  now: new Date('2026-11-24T10:00:00Z'),
  image: 'modelyard:0.1.0',
  operatorNamespace: 'modelyard-system',
  storageAllowedCidrs: [],
  logLevel: 'info',
  allowFileUris: false,
};

/** What the API server has after an apply, as far as decisions read it. */
export function stored(object: KubeObject, status?: object): KubeObject {
  const metadata = { ...object.metadata, uid: `uid-of-${object.kind}-${object.metadata.name}`, generation: 1 };
  return { ...structuredClone(object), metadata, ...(status === undefined ? {} : { status }) };
}
