import type { Check } from '../checks.ts';
import type { Deployment } from '../objects.ts';
import { warning } from '../pod-checks.ts';
import { isQuota, podSecurityFinding, quotaFinding, refusalChecks } from '../refusal-checks.ts';

const lower = 'spec.replicas or spec.resources';

/** What was refused of what serves. */
export const servingRefusalChecks = refusalChecks({ lower, correct: 'correct the spec' });

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
      if (isQuota(message)) return quotaFinding('pods cannot be created', message, lower);
      return podSecurityFinding(message) ?? warning('PodRefused', `pods cannot be created: ${message}`);
    },
  },
];
