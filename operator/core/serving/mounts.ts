import type { ModelDeploymentSpec } from '../../api/model-deployment.gen.ts';
import { modelUri } from '../model-uri.ts';
import type { Mount } from '../pod-setup.ts';

type Volume = NonNullable<NonNullable<ModelDeploymentSpec['podTemplate']>['volumes']>[number];

function volumeMount({ configMap, secret, persistentVolumeClaim }: Volume, index: number): Mount[] {
  const field = (rest: string): string => `spec.podTemplate.volumes[${index}].${rest}`;
  if (secret !== undefined && secret.optional !== true) {
    return [{ kind: 'Secret', name: secret.secretName, field: field('secret.secretName') }];
  }
  if (configMap !== undefined && configMap.optional !== true) {
    return [{ kind: 'ConfigMap', name: configMap.name, field: field('configMap.name') }];
  }
  if (persistentVolumeClaim === undefined) return [];
  const name = persistentVolumeClaim.claimName;
  return [{ kind: 'PersistentVolumeClaim', name, field: field('persistentVolumeClaim.claimName') }];
}

/** What a node mounts for a pod that serves, and has to be there. */
export function mountsOf({ model, podTemplate }: ModelDeploymentSpec): Mount[] {
  const { claim } = modelUri(model.uri ?? '');
  const volumes = podTemplate?.volumes?.flatMap(volumeMount) ?? [];
  const field = model.trained === undefined ? 'spec.model.uri' : 'spec.model.trained';
  return claim === undefined ? volumes : [{ kind: 'PersistentVolumeClaim', name: claim, field }, ...volumes];
}
