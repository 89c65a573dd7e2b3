import { trainingNames } from '../core/metadata.ts';
import type { Pod } from '../core/objects.ts';
import { runtimeOf } from '../core/pod-checks.ts';
import { type Key, keyOf, type ObjectMeta } from '../kube/object.ts';
import type { TrainingFarewell } from '../../runtime/training-contract.ts';
import { parseFarewell } from './report-schema.ts';

/** What the last words of a container tell of how far the job came. */
function farewellOf(pod: Pod): TrainingFarewell | undefined {
  const { state, lastState } = runtimeOf(pod) ?? {};
  const death = state?.terminated ?? lastState?.terminated;
  return death?.exitCode === 0 && death.message !== undefined ? parseFarewell(death.message) : undefined;
}

/**
 * What server 0 of each job said when it was told to stop. It says so just before its pod is gone, and no status may be written in that
 * moment; so it is kept here until the next server 0 knows better. Of help only: it is lost when the operator ends.
 */
export class Farewells {
  readonly #said = new Map<Key, { uid: string; farewell: TrainingFarewell }>();

  /** Takes note of pods of a job as they are, or as they were when they went. */
  note(job: { metadata: ObjectMeta }, pods: readonly Pod[]): void {
    const coordinator = trainingNames(job.metadata.name).parameterServer(0);
    for (const pod of pods) {
      const farewell = pod.metadata.name === coordinator ? farewellOf(pod) : undefined;
      if (farewell !== undefined) this.#said.set(keyOf(job), { uid: job.metadata.uid ?? '', farewell });
    }
  }

  of(job: { metadata: ObjectMeta }): TrainingFarewell | undefined {
    const known = this.#said.get(keyOf(job));
    return known?.uid === job.metadata.uid ? known?.farewell : undefined;
  }

  forget(key: Key): void {
    this.#said.delete(key);
  }
}
