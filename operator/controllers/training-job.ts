import { trainingExitCodes, type TrainingOutcome, type TrainingReport } from '../../runtime/training-contract.ts';
import type { TrainingJob, TrainingJobStatus } from '../api/training-job.gen.ts';
import { labels, managedBy } from '../core/metadata.ts';
import type { Pod } from '../core/objects.ts';
import { runtimeOf } from '../core/pod-checks.ts';
import type { TrainingInputs, TrainingObserved } from '../core/training/observed.ts';
import { render } from '../core/training/render.ts';
import { isRunning } from '../core/training/pod-state.ts';
import { isWantedPod } from '../core/training/role-state.ts';
import type { Definition, Source } from '../kube/definition.ts';
import { controllerOf, keyOf, type KubeObject } from '../kube/object.ts';
import { podKind, trainingJobKind, trainingKinds } from './kinds.ts';
import { Farewells } from './farewells.ts';
import { LastSeen } from './last-seen.ts';
import { parseOutcome } from './report-schema.ts';

/** What does not change while the operator runs. */
export type TrainingConfig = Omit<TrainingInputs, 'now' | 'begun'>;

/** What pods said last, and the source that asks them. */
export interface TrainingReportSource extends Source {
  get(pod: KubeObject): TrainingReport | undefined;
  /** Whether the pod was there before this operator was, and has not been asked yet. */
  isUnheard(pod: KubeObject): boolean;
}

const ours = `${labels.managedBy}=${managedBy}`;

/** A thousand pods that start at once are looked at together. */
const settleMs = 100;

/** How the job ended, where a container's last words say so. A container that may be started again fails with an exit code of its own. */
function lastWordsOf(pod: Pod): TrainingOutcome | undefined {
  const { state, lastState } = runtimeOf(pod) ?? {};
  for (const death of [state?.terminated, lastState?.terminated]) {
    if (death?.exitCode !== 0 && death?.exitCode !== trainingExitCodes.failed) continue;
    const outcome = death.message === undefined ? undefined : parseOutcome(death.message);
    if (outcome?.succeeded === (death.exitCode === 0)) return outcome;
  }
  return undefined;
}

function byName<Value>(
  pods: readonly KubeObject[],
  valueOf: (pod: KubeObject) => Value | undefined,
): Map<string, Value> {
  const found = new Map<string, Value>();
  for (const pod of pods) {
    const value = valueOf(pod);
    if (value !== undefined) found.set(pod.metadata.name, value);
  }
  return found;
}

/** Turns TrainingJobs into pods that train. */
export function trainingJobController(
  config: TrainingConfig,
  reports: TrainingReportSource,
): Definition<TrainingObserved, TrainingJobStatus> {
  const lastSeen = new LastSeen();
  const farewells = new Farewells();
  return {
    name: 'training-job',
    kind: trainingJobKind,
    owns: [
      ...trainingKinds.map((kind) => ({ kind, labelSelector: ours })),
      { kind: podKind, labelSelector: `${ours},${labels.component}=training`, settleMs },
    ],
    watches: [],
    sources: [reports],
    gone(object, stores) {
      if (object.kind === trainingJobKind.kind) farewells.forget(keyOf(object));
      const controller = controllerOf(object);
      if (object.kind !== podKind.kind || controller === undefined) return;
      const owner = stores(trainingJobKind).get(keyOf({ metadata: { ...object.metadata, name: controller.name } }));
      if (owner?.metadata.uid === controller.uid) farewells.note(owner, [object]);
    },
    observe(key, stores, refusals) {
      const owner = stores(trainingJobKind).get(key) as TrainingJob | undefined;
      if (owner === undefined) {
        lastSeen.forget(key);
        farewells.forget(key);
        return undefined;
      }
      const pods = stores(podKind).ownedBy(owner);
      const isHeard = pods.some((pod) => isRunning(pod) && reports.get(pod)?.job !== undefined);
      if (isHeard) farewells.forget(key);
      else farewells.note(owner, pods);
      return {
        owner,
        children: trainingKinds.flatMap((kind) => [...stores(kind).ownedBy(owner)]),
        pods,
        ...lastSeen.note(owner, pods, (name) => isWantedPod(owner, name)),
        reports: byName(pods, (pod) => reports.get(pod)),
        unheard: new Set(pods.filter((pod) => reports.isUnheard(pod)).map(({ metadata }) => metadata.name)),
        lastWords: byName(pods, lastWordsOf),
        farewell: farewells.of(owner),
        refusals,
      };
    },
    render: (observed, now, begun) => render(observed, { ...config, now, begun }),
    ownerOf: ({ owner }) => owner,
    childrenOf: ({ children, pods }) => [...children, ...(pods as readonly KubeObject[])],
  };
}
