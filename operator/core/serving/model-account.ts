import type { Condition } from '../../api/conditions.ts';
import type { ModelDeploymentStatus } from '../../api/model-deployment.gen.ts';
import type { Finding } from '../checks.ts';
import type { PlannedEvent } from '../plan.ts';
import type { Pins } from './pin.ts';

/** A condition before it is compared with the one that was. */
export type Judgement = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

/** What is to be said of what is served, beside what becomes of the pods. */
export interface ModelAccount {
  pins: Pins;
  /** What keeps the whole deployment from serving what it should. */
  finding?: Finding;
  /** The condition ModelResolved. */
  resolved: Judgement;
  status: Pick<ModelDeploymentStatus, 'model' | 'models' | 'modelSummary'>;
  /** Beside those for conditions. */
  events: PlannedEvent[];
}
