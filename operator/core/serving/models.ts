import type { ModelDeploymentSpec } from '../../api/model-deployment.gen.ts';
import { modelUri } from '../model-uri.ts';
import type { StoragePlace } from '../pod-template.ts';

/** A model that a deployment serves, whichever way its spec names it. */
export interface NamedModel {
  /** In URLs; undefined of the only one, which is called as its deployment. */
  name: string | undefined;
  /** What describes it, such as `spec.models[2]`. */
  field: string;
  /** What says where it lies, such as `spec.models[2].uri`. */
  uriField: string;
  /** Undefined while a lineage has no version. */
  uri: string | undefined;
  task: string;
}

/** All models of a deployment, in the order of its spec. */
export function modelsOf({ model, models }: ModelDeploymentSpec): NamedModel[] {
  if (models !== undefined) {
    return models.map(({ name, uri, task }, index) => {
      const field = `spec.models[${index}]`;
      return { name, field, uriField: `${field}.uri`, uri, task };
    });
  }
  if (model === undefined) return [];
  const uriField = model.trained === undefined ? 'spec.model.uri' : 'spec.model.trained';
  return [{ name: undefined, field: 'spec.model', uriField, uri: model.uri, task: model.task }];
}

/** How all of them are reached. */
export const modelStorage = ({ model, models, storage }: ModelDeploymentSpec): StoragePlace['storage'] =>
  models === undefined ? model?.storage : storage;

/** A PersistentVolumeClaim that holds models. */
export interface ModelClaim {
  name: string;
  /** The first field that names it. */
  field: string;
}

/** Each claim once, by name: the order of the models shapes no pod. */
export function claimsOf(spec: ModelDeploymentSpec): ModelClaim[] {
  const fields = new Map<string, string>();
  for (const { uri, uriField } of modelsOf(spec)) {
    const { claim } = modelUri(uri ?? '');
    if (claim !== undefined && !fields.has(claim)) fields.set(claim, uriField);
  }
  return [...fields].map(([name, field]) => ({ name, field })).sort((a, b) => (a.name < b.name ? -1 : 1));
}
