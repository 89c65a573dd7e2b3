import { type ListedModel, type ModelList, modelsFile, type ServedTask } from '../../../runtime/contract.ts';
import type { ModelDeployment } from '../../api/model-deployment.gen.ts';
import type { KubeObject } from '../../kube/object.ts';
import { servingMetadata, servingNames } from '../metadata.ts';

/** The models that pods share, as they read them. The kubelet renews the file in place: another list restarts nothing. */
export function modelList(owner: ModelDeployment): KubeObject | undefined {
  const { models } = owner.spec;
  if (models === undefined) return undefined;
  const list: ModelList = {
    models: models.map(({ name, uri, digest, task }): ListedModel => {
      // The checks of the spec let no other through.
      const served = task as ServedTask;
      return { name, uri, ...(digest === undefined ? {} : { digest }), task: served };
    }),
  };
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: servingMetadata(owner, servingNames(owner.metadata.name).models),
    data: { [modelsFile]: JSON.stringify(list) },
  };
}
