import type { Refusal } from '../../kube/definition.ts';
import type { Check, Finding } from '../checks.ts';
import type { Deployment } from '../objects.ts';

const warning = (reason: string, message: string): Finding => ({ type: 'Warning', reason, message });

/** A quota speaks through a 403; its text names the quota, what was asked and what is left. */
const isQuota = (message: string): boolean => /exceeded quota|quota/i.test(message);

const quota = (what: string, message: string): Finding =>
  warning('QuotaExceeded', `${what}: ${message}; raise the quota, or lower spec.replicas or spec.resources`);

function refused({ ref, reason, message }: Refusal): Finding {
  const what = `${ref.kind} ${ref.name}`;
  if (reason === 'NameConflict') {
    return warning(
      'NameConflict',
      `${what} exists and belongs to somebody else, so it was left alone; delete or rename it, or rename this object (${message})`,
    );
  }
  if (reason === 'Forbidden' && isQuota(message)) return quota(`${what} was refused`, message);
  if (reason === 'Forbidden') {
    return warning('Forbidden', `the API server does not let the operator write ${what}: ${message}`);
  }
  if (reason === 'Invalid') {
    return {
      terminal: true,
      type: 'Warning',
      reason,
      message: `${what} was refused as invalid: ${message}; correct the spec`,
    };
  }
  return warning(reason, `${what} was refused: ${message}`);
}

/** What the API server, or the rule never to apply over what is not ours, refused. */
export const refusalChecks: readonly Check<{ refusals: readonly Refusal[] }>[] = [
  {
    name: 'nothing was refused',
    find: ({ refusals }) => {
      // A taken name comes first: the rest may only follow from it.
      const first = refusals.find(({ reason }) => reason === 'NameConflict') ?? refusals[0];
      return first === undefined ? undefined : refused(first);
    },
  },
];

/** What keeps the Deployment's controller from creating pods. */
export const creationChecks: readonly Check<{ deployment: Deployment | undefined }>[] = [
  {
    name: 'pods can be created',
    find: ({ deployment }) => {
      const failure = deployment?.status?.conditions?.find(
        ({ type, status }) => type === 'ReplicaFailure' && status === 'True',
      );
      if (failure === undefined) return undefined;
      const message = failure.message ?? failure.reason ?? 'no message';
      if (isQuota(message)) return quota('pods cannot be created', message);
      if (message.includes('violates PodSecurity')) {
        return warning('PodRefused', `the namespace's Pod Security Standard refuses the pods: ${message}`);
      }
      return warning('PodRefused', `pods cannot be created: ${message}`);
    },
  },
];
