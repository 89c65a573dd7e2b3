import type { PlannedEvent } from '../core/plan.ts';
import { isRefusal, judge, refKey, refused, type Verdict } from './apply.ts';
import type { KubeClient } from './client.ts';
import { contentHash, within } from './compare.ts';
import type { Refusal } from './definition.ts';
import { isConflict, isNotFound } from './errors.ts';
import type { Refusals } from './refusals.ts';
import { keyOf, type KubeObject, type ObjectRef } from './object.ts';
import type { StatusPace } from './status-pace.ts';

export interface Shell {
  client: KubeClient;
  refusals: Refusals;
  pace: StatusPace;
  /** Takes the answer to a write for the truth; `seen` is what the write was decided on. */
  assume(object: KubeObject, seen: KubeObject | undefined): void;
  publish(owner: KubeObject, event: PlannedEvent): void;
}

/** What became of the objects of a plan. */
export interface Outcome {
  refusals: Refusal[];
  /** Milliseconds until it is worth a look again, because something is in the way; undefined where nothing is. */
  waitMs: number | undefined;
}

/** An object that has to go first is looked at again this often; its deletion is usually noticed sooner. */
const inTheWayMs = 2_000;

/**
 * Makes the objects of a plan true: applies what is not up to date, in order, then removes. Where a name is taken, nothing is
 * applied at all.
 * @throws KubeError for everything that another try may cure
 */
export async function executeObjects(
  plan: { apply: readonly KubeObject[]; remove: readonly ObjectRef[] },
  owner: KubeObject,
  children: readonly KubeObject[],
  shell: Shell,
  signal: AbortSignal,
): Promise<Outcome> {
  const { client, refusals } = shell;
  const key = keyOf(owner);
  const known = new Map(children.map((child) => [refKey(child), child]));
  const standing = plan.apply.map((desired) => refusals.standing(key, refKey(desired), contentHash(desired)));
  const verdicts = await Promise.all(
    plan.apply.map(async (desired, index): Promise<Verdict> => {
      const refusal = standing[index];
      return refusal === undefined
        ? judge(desired, known.get(refKey(desired)), owner, client, signal)
        : { kind: 'refused', refusal };
    }),
  );
  verdicts.forEach((verdict, index) => {
    const desired = plan.apply[index];
    if (desired !== undefined && verdict.kind === 'refused' && standing[index] === undefined) {
      refusals.add(key, refKey(desired), contentHash(desired), verdict.refusal);
    }
  });
  const blocked = verdicts.flatMap((verdict) => (verdict.kind === 'refused' ? [verdict.refusal] : []));
  if (blocked.some(({ reason }) => reason === 'NameConflict'))
    return { refusals: blocked, waitMs: refusals.retryInMs(key) };

  for (const [index, verdict] of verdicts.entries()) {
    const desired = plan.apply[index];
    if (verdict.kind !== 'apply' || desired === undefined) continue;
    try {
      shell.assume(await client.apply(verdict.object, { signal }), verdict.observed);
      refusals.clear(key, refKey(desired));
    } catch (error) {
      if (!isRefusal(error)) throw error;
      const refusal = refused(desired, error.reason, error.message);
      refusals.add(key, refKey(desired), contentHash(desired), refusal);
      blocked.push(refusal);
    }
  }
  await removeAll(plan.remove, children, client, signal);
  const waiting = verdicts.some(({ kind }) => kind === 'wait') ? inTheWayMs : undefined;
  return { refusals: blocked, waitMs: blocked.length > 0 ? refusals.retryInMs(key) : waiting };
}

/** Removes only incarnations that were seen to be ours. */
async function removeAll(
  refs: readonly ObjectRef[],
  children: readonly KubeObject[],
  client: KubeClient,
  signal: AbortSignal,
): Promise<void> {
  for (const ref of refs) {
    const child = children.find(
      ({ apiVersion, kind, metadata }) =>
        apiVersion === ref.apiVersion &&
        kind === ref.kind &&
        metadata.name === ref.name &&
        metadata.namespace === ref.namespace,
    );
    const uid = child?.metadata.uid;
    if (
      uid === undefined ||
      child?.metadata.deletionTimestamp !== undefined ||
      (ref.uid !== undefined && ref.uid !== uid)
    )
      continue;
    await client.remove({ ...ref, uid }, { signal }).catch((error: unknown) => {
      if (!isConflict(error)) throw error;
    });
  }
}

/**
 * Writes a status where it differs from the observed one, then publishes the events. Writes to one object are at least 5 s
 * apart; one that comes too early is left to the look that the answer asks for, events and all.
 *
 * @returns milliseconds until a status that was held back may be written, or undefined
 */
export async function executeStatus(
  plan: { status: unknown; events: readonly PlannedEvent[] },
  owner: KubeObject,
  shell: Shell,
  signal: AbortSignal,
): Promise<number | undefined> {
  const key = keyOf(owner);
  const { uid = '' } = owner.metadata;
  const hash = contentHash(plan.status);
  const same =
    within(plan.status, owner.status) && (within(owner.status, plan.status) || shell.pace.lastHash(key, uid) === hash);
  if (!same) {
    const heldMs = shell.pace.heldMs(key, uid);
    if (heldMs > 0) return heldMs;
    const { apiVersion, kind } = owner;
    const { name, namespace } = owner.metadata;
    const metadata = { name, ...(namespace === undefined ? {} : { namespace }), uid };
    try {
      shell.assume(
        await shell.client.applyStatus({ apiVersion, kind, metadata, status: plan.status }, { signal }),
        owner,
      );
    } catch (error) {
      // Deleted while we looked: nobody is left to tell.
      if (isNotFound(error)) return undefined;
      throw error;
    }
    shell.pace.wrote(key, uid, hash);
  }
  for (const event of plan.events) shell.publish(owner, event);
  return undefined;
}
