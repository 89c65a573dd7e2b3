import type { Mount } from '../pod-setup.ts';

/** A Secret or ConfigMap that the kubelet keeps in a folder of the container: neither the operator nor a restart has a part in it. */
export interface MountedObject extends Mount {
  volume: string;
  path: string;
}

/** A list of one, or of none where the spec names no such object. */
export const mountedObject = (
  kind: 'Secret' | 'ConfigMap',
  name: string | undefined,
  rest: Pick<MountedObject, 'field' | 'volume' | 'path'>,
): MountedObject[] => (name === undefined ? [] : [{ kind, name, ...rest }]);

/** What a node mounts for it, and has to be there. */
export const mountOf = ({ kind, name, field }: MountedObject): Mount => ({ kind, name, field });

export const volumeOf = ({ kind, name, volume }: MountedObject): object => ({
  name: volume,
  ...(kind === 'Secret' ? { secret: { secretName: name } } : { configMap: { name } }),
});

export const volumeMountOf = ({ volume, path }: MountedObject): object => ({
  name: volume,
  mountPath: path,
  readOnly: true,
});
