import { modelDeploymentKind, podKind, servingKinds, trainingJobKind } from '../operator/controllers/kinds.ts';
import type { ResourceKind } from '../operator/kube/object.ts';
import { CliError } from './errors.ts';

const namespaced = (apiVersion: string, kind: string, plural: string): ResourceKind => ({
  apiVersion,
  kind,
  plural,
  namespaced: true,
});

const secretKind = namespaced('v1', 'Secret', 'secrets');
const eventKind = namespaced('events.k8s.io/v1', 'Event', 'events');

/** What can be looked at on a laptop. */
const knownKinds: readonly ResourceKind[] = [
  modelDeploymentKind,
  trainingJobKind,
  podKind,
  ...servingKinds,
  secretKind,
  eventKind,
];

/** What a file may hold for a laptop: our own kinds, and what they may refer to. */
export const appliedKinds: readonly ResourceKind[] = [
  modelDeploymentKind,
  trainingJobKind,
  secretKind,
  ...knownKinds.filter(({ kind }) => kind === 'ConfigMap' || kind === 'ServiceAccount'),
];

const shortNames: Record<string, string> = {
  md: 'ModelDeployment',
  tj: 'TrainingJob',
  po: 'Pod',
  svc: 'Service',
  deploy: 'Deployment',
  cm: 'ConfigMap',
  sa: 'ServiceAccount',
  netpol: 'NetworkPolicy',
  pdb: 'PodDisruptionBudget',
  ev: 'Event',
};

/** `md`, `modeldeployment`, `modeldeployments` and `ModelDeployment` are the same. @throws CliError UnsupportedKind */
export function kindNamed(text: string): ResourceKind {
  const word = text.toLowerCase();
  const kind = knownKinds.find(
    (each) => each.plural === word || each.kind.toLowerCase() === word || each.kind === shortNames[word],
  );
  if (kind !== undefined) return kind;
  const known = knownKinds.map(({ plural }) => plural).join(', ');
  throw new CliError('UnsupportedKind', `unknown kind "${text}"; known are ${known}`);
}

/** An object as a person names it: `digits`, or `md/digits` where its kind is to be said. */
export interface Target {
  kind?: ResourceKind;
  name: string;
}

/** @throws CliError UnsupportedKind */
export function targetNamed(text: string): Target {
  const [first = '', ...rest] = text.split('/');
  return rest.length === 0 ? { name: first } : { kind: kindNamed(first), name: rest.join('/') };
}
