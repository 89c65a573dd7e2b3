import type { ResourceKind } from '../kube/object.ts';

const namespaced = (apiVersion: string, kind: string, plural: string): ResourceKind => ({
  apiVersion,
  kind,
  plural,
  namespaced: true,
});

export const modelDeploymentKind = namespaced('modelyard.dev/v1alpha1', 'ModelDeployment', 'modeldeployments');
export const trainingJobKind = namespaced('modelyard.dev/v1alpha1', 'TrainingJob', 'trainingjobs');
export const podKind = namespaced('v1', 'Pod', 'pods');

/** What objects of both kinds own. */
const commonKinds: readonly ResourceKind[] = [
  namespaced('v1', 'ServiceAccount', 'serviceaccounts'),
  namespaced('v1', 'ConfigMap', 'configmaps'),
  namespaced('networking.k8s.io/v1', 'NetworkPolicy', 'networkpolicies'),
  namespaced('v1', 'Service', 'services'),
];

/** What a ModelDeployment owns. */
export const servingKinds: readonly ResourceKind[] = [
  ...commonKinds,
  namespaced('apps/v1', 'Deployment', 'deployments'),
  namespaced('policy/v1', 'PodDisruptionBudget', 'poddisruptionbudgets'),
];

/** What a TrainingJob owns, beside its pods. */
export const trainingKinds: readonly ResourceKind[] = commonKinds;
