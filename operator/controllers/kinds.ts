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

/** What a ModelDeployment owns. */
export const servingKinds: readonly ResourceKind[] = [
  namespaced('v1', 'ServiceAccount', 'serviceaccounts'),
  namespaced('v1', 'ConfigMap', 'configmaps'),
  namespaced('networking.k8s.io/v1', 'NetworkPolicy', 'networkpolicies'),
  namespaced('v1', 'Service', 'services'),
  namespaced('apps/v1', 'Deployment', 'deployments'),
  namespaced('policy/v1', 'PodDisruptionBudget', 'poddisruptionbudgets'),
];
