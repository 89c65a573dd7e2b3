import type { TrainingFarewell, TrainingOutcome, TrainingReport } from '../../../runtime/training-contract.ts';
import type { TrainingJob } from '../../api/training-job.gen.ts';
import type { Refusal } from '../../kube/definition.ts';
import type { KubeObject } from '../../kube/object.ts';
import type { RuntimeInputs } from '../inputs.ts';
import type { Pod } from '../objects.ts';

/** Everything a decision about one TrainingJob is taken on. */
export interface TrainingObserved {
  owner: TrainingJob;
  /** What the owner controls, but for its pods. */
  children: readonly KubeObject[];
  /** What the owner controls. */
  pods: readonly Pod[];
  /** The pod that was seen last under a name that has none now. Of help only: it is lost when the operator restarts. */
  lastSeen: ReadonlyMap<string, Pod>;
  /** Names of pods, there or gone, that had to go because nobody wanted them, as far as that was seen. Of help only, as well. */
  dismissed: ReadonlySet<string>;
  /** By pod name. Not trusted beyond its schema. */
  reports: ReadonlyMap<string, TrainingReport>;
  /** Names of pods that this operator has not asked yet, and another one may have. */
  unheard: ReadonlySet<string>;
  /** How the job ended, in the last words of a container, by pod name. Not trusted beyond its schema. */
  lastWords: ReadonlyMap<string, TrainingOutcome>;
  /** What server 0 said when it was told to stop; undefined where it did not, or another one is at work since. Not trusted beyond its schema. */
  farewell: TrainingFarewell | undefined;
  /** What the last attempt was refused. */
  refusals: readonly Refusal[];
}

/** What the operator was configured with. */
export interface TrainingInputs extends RuntimeInputs {
  /** When this operator began its work: what happened before, others of its controllers may have heard of only then. */
  begun: Date;
}
