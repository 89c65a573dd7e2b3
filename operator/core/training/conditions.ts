import type { TrainingJobStatus } from '../../api/training-job.gen.ts';
import { type Condition, findCondition, setCondition } from '../../api/conditions.ts';
import type { Finding } from '../checks.ts';
import type { Acceptance } from './acceptance.ts';
import type { Verdict } from './verdict.ts';

/** A condition before it is compared with the one that was. */
type Judgement = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

export interface Judged extends Verdict {
  /** Of a job that succeeded. */
  acceptance: Acceptance | undefined;
  checkpointStep: number | undefined;
  tls: boolean;
}

const judged = (type: string, holds: boolean, { reason, message }: Pick<Finding, 'reason' | 'message'>): Judgement => ({
  type,
  status: holds ? 'True' : 'False',
  reason,
  message,
});

function secured(tls: boolean): Judgement {
  return judged(
    'TransportSecured',
    tls,
    tls
      ? { reason: 'MutualTLS', message: 'the roles know each other by the certificates of spec.transport.tlsSecretRef' }
      : {
          reason: 'NetworkPolicyOnly',
          message:
            'gradients and weights travel in the clear, and only a NetworkPolicy keeps others out, where the network enforces it; name a Secret in spec.transport.tlsSecretRef for mutual TLS',
        },
  );
}

/** Whether anything is kept of a job. */
export function checkpointed(step: number | undefined, phase: TrainingJobStatus['phase']): Judgement {
  const over = phase === 'Succeeded' || phase === 'Failed';
  if (step !== undefined) {
    const message = over
      ? `the job is over, and its last checkpoint holds step ${step}`
      : `the newest complete checkpoint holds step ${step}`;
    return judged('Checkpointed', true, { reason: 'Written', message });
  }
  const [reason, message] =
    phase === 'Succeeded'
      ? ['NotNeeded', 'the job is over: it found the model that it would have made, and trained nothing']
      : [
          'NoCheckpoint',
          over
            ? 'the job is over, and nothing of it is kept: another one of its name and spec would begin anew'
            : 'nothing is kept yet: if all pods were lost, the job would begin anew',
        ];
  return judged('Checkpointed', false, { reason, message });
}

function judgements({ phase, finding, trouble, acceptance, checkpointStep, tls }: Judged): Judgement[] {
  const over = phase === 'Succeeded' || phase === 'Failed';
  const running: Finding = over ? { ...finding, message: `the job is over: ${finding.message}` } : finding;
  const going = { reason: over ? finding.reason : 'NotOver', message: over ? finding.message : `the job is ${phase}` };
  const suspension = phase === 'Suspended' || phase === 'Suspending';
  const unsuspended = over ? 'the job is over' : 'spec.runPolicy.suspend is false';
  return [
    judged('Running', phase === 'Running', running),
    judged('Complete', phase === 'Succeeded', going),
    judged('Failed', phase === 'Failed', going),
    judged('Suspended', phase === 'Suspended', suspension ? finding : { reason: 'NotSuspended', message: unsuspended }),
    checkpointed(checkpointStep, phase),
    secured(tls),
    ...(acceptance === undefined ? [] : [judged('Accepted', acceptance.accepted, acceptance)]),
    // These are only there while they are true.
    ...(trouble === undefined ? [] : [judged('Degraded', true, trouble)]),
    // Tools that know kstatus read it as "failed until somebody acts".
    ...(finding.terminal === true ? [judged('Stalled', true, finding)] : []),
  ];
}

/** All conditions of a job, each with the time since when it has its status. */
export function conditionsOf(
  all: Judged,
  before: NonNullable<TrainingJobStatus['conditions']>,
  observedGeneration: number,
  now: Date,
): Condition[] {
  return judgements(all).flatMap((judgement) => {
    const list = setCondition(before, { ...judgement, observedGeneration }, now);
    return findCondition(list, judgement.type) ?? [];
  });
}
