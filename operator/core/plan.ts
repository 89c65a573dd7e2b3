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

/** An owned object that must go. */
export interface Removal extends ObjectRef {
  /** Absent: what the object itself asks for. 0 takes it away although it is being deleted already, without waiting for its node. */
  gracePeriodSeconds?: number;
}

/** Everything a reconcile wants done. Data only: no callbacks, no promises. */
export interface Plan<Status> {
  /** Full intent of every owned object, server-side applied in this order. */
  apply: KubeObject[];
  /**
   * Owned objects that never change while they are there, such as pods: those that are missing. They are created many at a time, in no
   * order, once everything in `apply` is true.
   */
  create?: KubeObject[];
  /** Owned objects that must go, many at a time. */
  remove: Removal[];
  /** The owner itself must go, after its status is written. */
  removeOwner?: boolean;
  /** Full intent of `.status`. */
  status: Status;
  /** The status is written at once, however short ago the last one was: for what happens once, such as an end. */
  urgent?: boolean;
  /** Sent only after the status write succeeded. */
  events: PlannedEvent[];
  /** The only way to ask for time to pass. */
  requeueAfterMs?: number;
}

/** A pure decision: everything observed and configured in, everything to do out. */
export type Render<Observed, Inputs, Status> = (observed: Observed, inputs: Inputs) => Plan<Status>;
