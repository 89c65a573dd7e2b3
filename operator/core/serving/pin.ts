import { pinFile } from '../../../runtime/contract.ts';
import type { ModelDeployment } from '../../api/model-deployment.gen.ts';
import type { KubeObject } from '../../kube/object.ts';
import { servingMetadata, servingNames } from '../metadata.ts';

/** The content, `sha256:HEX`, that a URI stands for. */
export type Pins = Readonly<Record<string, string>>;

/** Tells pods that start later what to load. The kubelet renews it in place: pinning restarts nothing. */
export function pin(owner: ModelDeployment, pins: Pins): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: servingMetadata(owner, servingNames(owner.metadata.name).pin),
    data: { [pinFile]: JSON.stringify(pins) },
  };
}
