import type { ModelDeploymentSpec } from '../../api/model-deployment.gen.ts';
import type { Mount } from '../pod-setup.ts';
import { accessObjects } from './access.ts';
import { mountOf, type MountedObject } from './mounted-objects.ts';
import { torchServeObjects } from './torchserve.ts';
import { claimsOf } from './models.ts';

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

/** Secrets and ConfigMaps that the fields of the spec name. */
export const objectsOf = ({ access, serving }: ModelDeploymentSpec): MountedObject[] => [
  ...accessObjects(access),
  ...torchServeObjects(serving),
];

/** What a node mounts for a pod that serves, and has to be there. */
export function mountsOf(spec: ModelDeploymentSpec): Mount[] {
  const cache = spec.serving.cache?.persistentVolumeClaim?.claimName;
  const claims = [
    ...claimsOf(spec),
    ...(cache === undefined ? [] : [{ name: cache, field: 'spec.serving.cache.persistentVolumeClaim.claimName' }]),
  ];
  return [
    ...claims.map(({ name, field }): Mount => ({ kind: 'PersistentVolumeClaim', name, field })),
    ...objectsOf(spec).map(mountOf),
    ...(spec.podTemplate?.volumes?.flatMap(volumeMount) ?? []),
  ];
}
