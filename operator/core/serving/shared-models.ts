import type { SharedModelReport } from '../../../runtime/contract.ts';
import type { ModelDeploymentSpec, ModelDeploymentStatus } from '../../api/model-deployment.gen.ts';
import type { Finding } from '../checks.ts';
import type { PlannedEvent } from '../plan.ts';
import { clip, isReady } from '../pod-checks.ts';
import type { Judgement, ModelAccount } from './model-account.ts';
import { podsOf, type ServingObserved } from './observed.ts';
import type { Pins } from './pin.ts';

type Model = NonNullable<ModelDeploymentSpec['models']>[number];
type ModelStatus = NonNullable<ModelDeploymentStatus['models']>[number];
type Fault = Required<Pick<ModelStatus, 'reason' | 'message'>>;

interface Said extends SharedModelReport {
  podName: string;
}

/** What the pods of one revision say of their models, in the order of their names. */
interface Hearing {
  /** Of a model as the spec has it: a pod may not have read the last list yet. */
  of(model: Model): readonly Said[];
  /** Of a model as the spec has it and as it was before, which goes on where a pod cannot have the new one. */
  ofAny(model: Model): readonly Said[];
  /** Somebody has yet to say whether an old fault is still there. */
  isIncomplete: boolean;
}

function hear(observed: ServingObserved, revision: string): Hearing {
  const said = new Map<string, Said[]>();
  const pods = podsOf(observed, revision);
  const silent = pods.filter(({ metadata }) => observed.reports.get(metadata.name)?.kind !== 'SharedServing');
  for (const { metadata } of pods) {
    const report = observed.reports.get(metadata.name);
    if (report?.kind !== 'SharedServing') continue;
    for (const model of report.models) {
      const known = said.get(model.name) ?? [];
      known.push({ ...model, podName: metadata.name });
      said.set(model.name, known);
    }
  }
  return {
    of: ({ name, uri }) => said.get(name)?.filter((each) => each.uri === uri) ?? [],
    ofAny: ({ name }) => said.get(name) ?? [],
    isIncomplete: observed.owner.spec.replicas > 0 && (silent.length === pods.length || silent.some(isReady)),
  };
}

/** It was loaded, or has not been asked for since it was listed. */
const isCalm = ({ phase }: Said): boolean => phase === 'Ready' || phase === 'Standby' || phase === 'Unloaded';

/** A content that was whole enough to be loaded, though it may have left memory since. */
const isSound = (said: Said): boolean => said.digest !== undefined && said.fault === undefined && isCalm(said);

/** The fault of a model that lies elsewhere than the spec says is that of its new place, unless it cannot be had itself. */
const isFaultOf = (model: Model, said: Said): boolean =>
  said.fault !== undefined && (said.uri === model.uri || isCalm(said));

/**
 * The content of each URI that the spec names without a digest: what was pinned before, else what the first pod reports. A pin lasts as
 * long as its URI is in the list, whatever becomes of the pods: a model may not be asked for for weeks.
 */
function pinsOf(models: readonly Model[], before: readonly ModelStatus[], hearing: Hearing): Pins {
  const pins: Record<string, string> = {};
  for (const model of models) {
    const { name, uri } = model;
    if (model.digest !== undefined || pins[uri] !== undefined) continue;
    const same = before.filter((each) => each.uri === uri && each.digest !== undefined);
    const kept = same.find((each) => each.name === name) ?? same[0];
    const digest = kept?.digest ?? hearing.of(model).find(isSound)?.digest;
    if (digest !== undefined) pins[uri] = digest;
  }
  return pins;
}

/** The content that the spec names counts once a pod has read it: another pin may follow a digest that was a mistake. */
function readDigest(model: Model, before: ModelStatus | undefined, hearing: Hearing): string | undefined {
  const { digest } = model;
  const wasRead =
    before?.digest === digest || hearing.of(model).some((said) => said.digest === digest && isSound(said));
  return wasRead ? digest : undefined;
}

/** What some pod has with a model. */
function faultOf(
  model: Model,
  pinned: string | undefined,
  before: ModelStatus | undefined,
  hearing: Hearing,
): Fault | undefined {
  const said = hearing.of(model);
  const fault = hearing.ofAny(model).find((each) => isFaultOf(model, each))?.fault;
  if (fault !== undefined) return { reason: fault.reason, message: clip(fault.message) };
  // A pod that is told of a digest by the list may still serve what the list said before.
  const stray =
    model.digest === undefined && pinned !== undefined
      ? said.find(({ phase, digest }) => phase === 'Ready' && digest !== undefined && digest !== pinned)
      : undefined;
  if (stray !== undefined) {
    const message = `pod ${stray.podName} serves ${stray.digest ?? ''}, but ${pinned ?? ''} is pinned; delete the pod to load it again`;
    return { reason: 'DigestMismatch', message };
  }
  const { reason, message } = before ?? {};
  return hearing.isIncomplete && reason !== undefined && message !== undefined ? { reason, message } : undefined;
}

const isFaulty = (model: ModelStatus): model is ModelStatus & Fault => model.reason !== undefined;

const counted = (count: number, one: string, several: string): string => `${count} ${count === 1 ? one : several}`;

function modelsResolved(models: readonly ModelStatus[], specFinding: Finding | undefined): Judgement {
  const type = 'ModelResolved';
  if (specFinding !== undefined) {
    return { type, status: 'False', reason: specFinding.reason, message: specFinding.message };
  }
  const total = counted(models.length, 'model', 'models');
  const faulty = models.filter(isFaulty);
  const [first] = faulty;
  if (first !== undefined) {
    const message = `${models.length - faulty.length} of ${total} without a fault; ${first.name}: ${first.message}`;
    return { type, status: 'False', reason: first.reason, message };
  }
  const read = models.filter(({ digest }) => digest !== undefined).length;
  if (read === models.length) return { type, status: 'True', reason: 'Pinned', message: `${total} read and pinned` };
  const message = `${read} of ${total} read and pinned; each is read when it is first asked for`;
  return { type, status: 'Unknown', reason: 'Standby', message };
}

/** Of one reconcile. All faults are in the status. */
const maxFaultEvents = 10;

/** An Event for each fault that is new. */
function eventsOf(models: readonly ModelStatus[], before: ReadonlyMap<string, ModelStatus>): PlannedEvent[] {
  return models
    .filter(isFaulty)
    .filter(({ name, uri, reason }) => before.get(name)?.uri !== uri || before.get(name)?.reason !== reason)
    .slice(0, maxFaultEvents)
    .map(({ name, reason, message }) => ({
      type: 'Warning',
      reason,
      action: 'Resolve',
      note: `${name}: ${message}`.slice(0, 1_024),
    }));
}

function summaryOf(models: readonly ModelStatus[]): string {
  const faulty = models.filter(isFaulty).length;
  return `${counted(models.length, 'model', 'models')}${faulty === 0 ? '' : `, ${faulty} faulty`}`;
}

/** What is to be said of several models. One that has a fault keeps nothing from answering for the others. */
export function sharedModels(
  observed: ServingObserved,
  specs: readonly Model[],
  revision: string,
  specFinding: Finding | undefined,
): ModelAccount {
  const statusBefore = observed.owner.status?.models ?? [];
  const before = new Map(statusBefore.map((model) => [model.name, model]));
  const hearing = hear(observed, revision);
  const pins = pinsOf(specs, statusBefore, hearing);
  const models = specs.map((spec): ModelStatus => {
    const { name, uri } = spec;
    const known = before.get(name)?.uri === uri ? before.get(name) : undefined;
    const digest = spec.digest === undefined ? pins[uri] : readDigest(spec, known, hearing);
    return { name, uri, ...(digest === undefined ? {} : { digest }), ...faultOf(spec, digest, known, hearing) };
  });
  return {
    pins,
    resolved: modelsResolved(models, specFinding),
    status: { modelSummary: summaryOf(models), models },
    events: eventsOf(models, before),
  };
}
