import type { Refusal } from '../kube/definition.ts';
import type { Check, Finding } from './checks.ts';
import { warning } from './pod-checks.ts';

/** A quota speaks through a 403; its text names the quota, what was asked and what is left. */
export const isQuota = (message: string): boolean => /exceeded quota|quota/i.test(message);

/** @param lower the fields that ask for less */
export const quotaFinding = (what: string, message: string, lower: string): Finding =>
  warning('QuotaExceeded', `${what}: ${message}; raise the quota, or lower ${lower}`);

/** Said where an admission rule refuses pods; undefined where the text speaks of something else. */
export const podSecurityFinding = (message: string): Finding | undefined =>
  message.includes('violates PodSecurity')
    ? warning('PodRefused', `the namespace's Pod Security Standard refuses the pods: ${message}`)
    : undefined;

/** What a person does about a refusal, for objects of a kind. */
interface RefusalWords {
  /** The fields that ask for less, where a quota is full. */
  lower: string;
  /** Where the API server takes no object of this shape. */
  correct: string;
}

function refused({ ref, reason, message }: Refusal, { lower, correct }: RefusalWords): Finding {
  const what = `${ref.kind} ${ref.name}`;
  if (reason === 'NameConflict') {
    return warning(
      'NameConflict',
      `${what} exists and belongs to somebody else, so it was left alone; delete or rename it, or rename this object (${message})`,
    );
  }
  if (reason === 'Forbidden' && isQuota(message)) return quotaFinding(`${what} was refused`, message, lower);
  if (reason === 'Forbidden') {
    return (
      podSecurityFinding(message) ??
      warning('Forbidden', `the API server does not let the operator write ${what}: ${message}`)
    );
  }
  if (reason === 'Denied') {
    const rule = `an admission rule refuses ${what}: ${message}`;
    return warning(ref.kind === 'Pod' ? 'PodRefused' : 'Forbidden', rule);
  }
  if (reason === 'WriteFailed') {
    return warning(reason, `${what} could not be created, changed or deleted: ${message}; it is tried again`);
  }
  if (reason === 'Invalid') {
    return {
      terminal: true,
      type: 'Warning',
      reason,
      message: `${what} was refused as invalid: ${message}; ${correct}`,
    };
  }
  return warning(reason, `${what} was refused: ${message}`);
}

/** What the API server, or the rule never to apply over what is not ours, refused. */
export const refusalChecks = (words: RefusalWords): readonly Check<{ refusals: readonly Refusal[] }>[] => [
  {
    name: 'nothing was refused',
    find: ({ refusals }) => {
      // A taken name comes first: the rest may only follow from it.
      const first = refusals.find(({ reason }) => reason === 'NameConflict') ?? refusals[0];
      return first === undefined ? undefined : refused(first, words);
    },
  },
];
