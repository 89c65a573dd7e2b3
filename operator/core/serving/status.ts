import type { AccessFault } from '../../../runtime/contract.ts';
import type { ModelDeploymentStatus } from '../../api/model-deployment.gen.ts';
import { type Condition, findCondition, setCondition } from '../../api/conditions.ts';
import { type Finding, firstFinding } from '../checks.ts';
import { selectorText, servingSelector } from '../metadata.ts';
import type { PlannedEvent } from '../plan.ts';
import { clip, warning } from '../pod-checks.ts';
import type { Judgement, ModelAccount } from './model-account.ts';
import { podsOf, type ServingInputs, type ServingObserved } from './observed.ts';
import { creationChecks, servingRefusalChecks } from './refusal-checks.ts';
import { deploymentOf, podFinding, type Rollout, rolloutOf } from './rollout.ts';

const counts = ({ desired, updatedReady, ready }: Rollout): string =>
  `${updatedReady} of ${desired} ${desired === 1 ? 'pod' : 'pods'} ready${ready > updatedReady ? `, ${ready - updatedReady} of an earlier revision still answer` : ''}`;

/** The course of things, where nothing is the matter. */
function courseOf(observed: ServingObserved, rollout: Rollout): Finding {
  if (rollout.complete && rollout.desired === 0) {
    return { type: 'Normal', reason: 'ScaledToZero', message: 'no pod runs, as spec.replicas asks; nothing answers' };
  }
  if (rollout.complete) {
    return {
      type: 'Normal',
      reason: 'Ready',
      message: rollout.desired === 1 ? 'the pod answers requests' : `all ${rollout.desired} pods answer requests`,
    };
  }
  if (rollout.replicas > rollout.desired || rollout.ready > rollout.updatedReady) {
    return { type: 'Normal', reason: 'RollingOut', message: `pods are being replaced: ${counts(rollout)}` };
  }
  const started = deploymentOf(observed) !== undefined;
  const message = started ? `pods are starting: ${counts(rollout)}` : 'the pods are about to be created';
  return { type: 'Normal', reason: 'Starting', message };
}

/** The one thing to say about the deployment: what the spec forbids, was refused, keeps pods away, or goes on. */
function verdictOf(
  observed: ServingObserved,
  revision: string,
  specFinding: Finding | undefined,
  now: Date,
): [Finding, Rollout] {
  const rollout = rolloutOf(observed, revision);
  const found =
    specFinding ??
    firstFinding(servingRefusalChecks, observed) ??
    (rollout.complete ? undefined : firstFinding(creationChecks, { deployment: deploymentOf(observed) })) ??
    (rollout.complete ? undefined : podFinding(observed, revision, now)) ??
    closedFinding(observed, revision);
  if (found === undefined) return [courseOf(observed, rollout), rollout];
  // Until a rollout that has trouble is over, the pods before it still answer: that belongs to the news.
  const answering = rollout.ready > 0 ? ` (${counts(rollout)})` : '';
  return [{ ...found, message: `${found.message}${answering}` }, rollout];
}

function judgements(verdict: Finding, complete: boolean, resolved: Judgement): Judgement[] {
  const { reason, message } = verdict;
  const bad = verdict.type === 'Warning';
  const done = complete && !bad;
  const progressing = !done && verdict.terminal !== true;
  return [
    { type: 'Ready', status: done ? 'True' : 'False', reason, message },
    { type: 'Progressing', status: progressing ? 'True' : 'False', reason: done ? 'Complete' : reason, message },
    resolved,
    // Only there while it is true: tools that know kstatus read it as "failed until somebody acts".
    ...(verdict.terminal === true ? [{ type: 'Stalled', status: 'True' as const, reason, message }] : []),
  ];
}

const accessFaults = (observed: ServingObserved, revision: string): AccessFault[] =>
  podsOf(observed, revision).flatMap(({ metadata }) => observed.reports.get(metadata.name)?.access ?? []);

/** Nobody gets in, though pods answer. */
function closedFinding(observed: ServingObserved, revision: string): Finding | undefined {
  const fault = accessFaults(observed, revision).find(({ closed }) => closed);
  return fault && warning(fault.reason, clip(fault.message));
}

/** Some do not get in who should. Only there while it is true. */
function degraded(observed: ServingObserved, revision: string): Judgement[] {
  const fault = accessFaults(observed, revision).find(({ closed }) => !closed);
  return fault ? [{ type: 'Degraded', status: 'True', reason: fault.reason, message: clip(fault.message) }] : [];
}

/** What an API server takes as an Event's note. */
const maxNoteLength = 1_024;

/** An Event for a condition that took another reason or status. */
function eventsOf(before: readonly Condition[], after: readonly Judgement[], verdict: Finding): PlannedEvent[] {
  const events: PlannedEvent[] = [];
  for (const { type, status, reason, message } of after) {
    const previous = findCondition(before, type);
    if (previous?.reason === reason && previous.status === status) continue;
    const note = message.slice(0, maxNoteLength);
    if (type === 'Ready') events.push({ type: verdict.type, reason, action: 'Reconcile', note });
    if (type === 'ModelResolved' && status === 'True') events.push({ type: 'Normal', reason, action: 'Resolve', note });
  }
  return events;
}

export interface Judged {
  status: ModelDeploymentStatus;
  events: PlannedEvent[];
}

/** The whole status, and the Events for what changed in it. */
export function statusOf(
  observed: ServingObserved,
  inputs: ServingInputs,
  revision: string,
  specFinding: Finding | undefined,
  account: ModelAccount,
): Judged {
  const { metadata, spec, status } = observed.owner;
  const [verdict, rollout] = verdictOf(observed, revision, specFinding ?? account.finding, inputs.now);
  const before = status?.conditions ?? [];
  const after = [...judgements(verdict, rollout.complete, account.resolved), ...degraded(observed, revision)];
  const observedGeneration = metadata.generation ?? 0;
  const conditions = after.flatMap((judgement) => {
    const list = setCondition(before, { ...judgement, observedGeneration }, inputs.now);
    return findCondition(list, judgement.type) ?? [];
  });
  return {
    events: [...eventsOf(before, after, verdict), ...account.events],
    status: {
      observedGeneration,
      replicas: rollout.replicas,
      readyReplicas: rollout.ready,
      selector: selectorText(servingSelector(metadata.name)),
      revision,
      url: inputs.url(metadata.namespace ?? 'default', metadata.name, spec.access?.tls !== undefined),
      ...(observed.trained === undefined ? {} : { trained: observed.trained }),
      ...account.status,
      conditions,
    },
  };
}
