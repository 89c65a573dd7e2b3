import type { TrainingJobStatus } from '../../api/training-job.gen.ts';
import { firstFinding } from '../checks.ts';
import type { Plan, Render } from '../plan.ts';
import { untilSetUpOverdueMs } from '../pod-setup.ts';
import { endingOf } from './ending.ts';
import { jobConfigMap } from './job-file.ts';
import { stateOf } from './job-state.ts';
import { podPlan } from './lifecycle.ts';
import { networkPolicy } from './network-policy.ts';
import type { TrainingInputs, TrainingObserved } from './observed.ts';
import { isOver, over } from './over.ts';
import { rolePod } from './pod.ts';
import { service } from './service.ts';
import { serviceAccount } from './service-account.ts';
import { specChecks } from './spec-checks.ts';
import { statusOf } from './status.ts';
import { refusedBy, verdictOf } from './verdict.ts';

/** The status that ends a job is written before anything else is done about it. */
const nextLookMs = 1;

/** Until then server 0 will have been asked, or soon after. */
const untilHeardMs = 1_000;

/**
 * What a TrainingJob wants done, from all that is known.
 *
 * A job that is over makes nothing any more; a spec that no pod could follow makes nothing at all.
 */
export const render: Render<TrainingObserved, TrainingInputs, TrainingJobStatus> = (observed, inputs) => {
  const { owner, children } = observed;
  const { spec, status } = owner;
  const { train } = spec;
  if (owner.metadata.deletionTimestamp !== undefined) return leaving(observed);
  if (isOver(status)) return over(observed, inputs);
  const state = stateOf(observed, inputs.now);
  const refusal = status?.startTime === undefined ? firstFinding(specChecks, { owner, inputs }) : undefined;
  if (refusal !== undefined) return { apply: [], remove: [], ...statusOf(observed, state, refusedBy(refusal), inputs) };
  if (train === undefined) throw new TypeError('a job without spec.train never starts');

  const ending = endingOf(state, spec);
  const verdict = verdictOf(observed, state, ending);
  // What an operator before this one heard of server 0 stands until this one has asked.
  const stands = state.unheard && !state.suspended && ending === undefined && status?.phase !== undefined;
  const told = stands ? { status, events: [] } : statusOf(observed, state, verdict, inputs);
  if (ending !== undefined) return { apply: [], remove: [], ...told, urgent: true, requeueAfterMs: nextLookMs };

  const pods = podPlan(state, spec, inputs.now);
  const setUpMs = untilSetUpOverdueMs(observed.pods, inputs.now);
  const againMs = Math.min(pods.againMs, setUpMs, stands ? untilHeardMs : Infinity);
  const shaping = { ...inputs, image: status?.image ?? inputs.image };
  return {
    apply: [
      serviceAccount(owner),
      jobConfigMap(owner, train, children),
      networkPolicy(owner, inputs.operatorNamespace),
      service(owner),
    ],
    create: pods.create.map((pod) => rolePod(owner, train, pod, shaping)),
    remove: pods.remove,
    ...told,
    ...(againMs === Infinity ? {} : { requeueAfterMs: againMs }),
  };
};

/** Owner references take everything along; whatever would be written now would only race with that. */
function leaving({ owner }: TrainingObserved): Plan<TrainingJobStatus> {
  return { apply: [], remove: [], status: owner.status ?? {}, events: [] };
}
