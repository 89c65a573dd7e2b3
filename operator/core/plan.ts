import type { KubeObject, ObjectRef } from '../kube/object.ts';

/** An Event to publish about the owner, once its status is written. */
export interface PlannedEvent {
  type: 'Normal' | 'Warning';
  /** CamelCase, machine readable. */
  reason: string;
  /** What the operator was doing, CamelCase verb, such as `Reconcile`. */
  action: string;
  /** What happened and what to do about it. */
  note: string;
}

/** Everything a reconcile wants done. Data only: no callbacks, no promises. */
export interface Plan<Status> {
  /** Full intent of every owned object, server-side applied in this order. */
  apply: KubeObject[];
  /** Owned objects that must go. */
  remove: ObjectRef[];
  /** Full intent of `.status`. */
  status: Status;
  /** Sent only after the status write succeeded. */
  events: PlannedEvent[];
  /** The only way to ask for time to pass. */
  requeueAfterMs?: number;
}

/** A pure decision: everything observed and configured in, everything to do out. */
export type Render<Observed, Inputs, Status> = (observed: Observed, inputs: Inputs) => Plan<Status>;
