import type { PlannedEvent, Removal } from '../core/plan.ts';
import { judge, refKey, refusalOf, type Verdict } from './apply.ts';
import { forEachBounded } from './bounded.ts';
import type { KubeClient } from './client.ts';
import { contentHash, within } from './compare.ts';
import { createAll } from './create.ts';
import type { Refusal } from './definition.ts';
import { isNotFound, KubeError } from './errors.ts';
import type { Refusals } from './refusals.ts';
import { keyOf, refOf, type KubeObject, type ObjectRef } from './object.ts';
import type { StatusPace } from './status-pace.ts';

export interface Shell {
  client: KubeClient;
  refusals: Refusals;
  pace: StatusPace;
  /** Takes the answer to a write for the truth; `seen` is what the write was decided on. */
  assume(object: KubeObject, seen: KubeObject | undefined): void;
  /** The same for an object that is gone. */
  assumeGone(object: KubeObject): void;
  publish(owner: KubeObject, event: PlannedEvent): void;
}

/** What another try may cure. */
export interface Failure {
  ref: ObjectRef;
  error: KubeError;
}

/** What became of the objects of a plan. */
export interface Outcome {
  refusals: Refusal[];
  /** Milliseconds until it is worth a look again, because something is in the way; undefined where nothing is. */
  waitMs: number | undefined;
  /** The first one. */
  failure: Failure | undefined;
}

/** An object that has to go first is looked at again this often; its deletion is usually noticed sooner. */
const inTheWayMs = 2_000;
/** Removals under way at a time. */
const removals = 32;

/**
 * Makes the objects of a plan true: applies what is not up to date, in order, then creates, then removes. Where a name is taken,
 * nothing is applied at all; where something could not be applied, nothing is created that may need it. What has to go goes all the same.
 */
export async function executeObjects(
  plan: { apply: readonly KubeObject[]; create?: readonly KubeObject[]; remove: readonly Removal[] },
  owner: KubeObject,
  children: readonly KubeObject[],
  shell: Shell,
  signal: AbortSignal,
): Promise<Outcome> {
  const { client, refusals } = shell;
  const key = keyOf(owner);
  const known = new Map(children.map((child) => [refKey(child), child]));
  const found = await Promise.all(
    plan.apply.map(async (desired): Promise<Judged> => {
      const item = { desired, name: refKey(desired), hash: contentHash(desired) };
      const standing = refusals.standing(key, item.name, item.hash);
      if (standing !== undefined) return { ...item, verdict: { kind: 'refused', refusal: standing }, standing: true };
      return { ...item, verdict: await judge(desired, known.get(item.name), owner, client, signal), standing: false };
    }),
  );
  const blocked = new Map<string, Refusal>();
  const refuse = (name: string, hash: string, refusal: Refusal, standing: boolean): void => {
    blocked.set(name, refusal);
    if (!standing) refusals.add(key, name, hash, refusal);
  };
  for (const { name, hash, verdict, standing } of found) {
    if (verdict.kind === 'refused') refuse(name, hash, verdict.refusal, standing);
  }
  let inTheWay = found.some(({ verdict }) => verdict.kind === 'wait');
  let failure: Failure | undefined;
  const fail = (ref: ObjectRef, error: unknown): void => {
    if (!(error instanceof KubeError)) throw error;
    failure ??= { ref, error };
  };
  for (const { desired, verdict } of found) if (verdict.kind === 'failed') fail(refOf(desired), verdict.error);
  if (![...blocked.values()].some(({ reason }) => reason === 'NameConflict')) {
    for (const { desired, name, hash, verdict } of found) {
      if (verdict.kind !== 'apply' || failure !== undefined) continue;
      try {
        shell.assume(await client.apply(verdict.object, { signal }), verdict.observed);
      } catch (error) {
        const refusal = refusalOf(desired, error);
        if (refusal === undefined) fail(refOf(desired), error);
        else refuse(name, hash, refusal, false);
      }
    }
    if (blocked.size === 0 && !inTheWay && failure === undefined) {
      const created = await createAll(plan.create ?? [], owner, known, shell, signal);
      for (const [name, refusal] of created.refusals) blocked.set(name, refusal);
      ({ inTheWay, failure } = created);
    }
    await removeAll(plan.remove, known, shell, fail, signal);
  }
  refusals.keepOnly(key, new Set(blocked.keys()));
  const waitMs = refusals.retryInMs(key) ?? (inTheWay ? inTheWayMs : undefined);
  return { refusals: [...blocked.values()], waitMs, failure };
}

interface Judged {
  desired: KubeObject;
  name: string;
  hash: string;
  verdict: Verdict;
  /** The refusal is one that still holds from before. */
  standing: boolean;
}

/** Removes only incarnations that were seen to be ours. */
async function removeAll(
  all: readonly Removal[],
  known: ReadonlyMap<string, KubeObject>,
  shell: Shell,
  fail: (ref: ObjectRef, error: unknown) => void,
  signal: AbortSignal,
): Promise<void> {
  await forEachBounded(all, removals, async ({ gracePeriodSeconds, ...ref }) => {
    const { apiVersion, kind, ...metadata } = ref;
    const child = known.get(refKey({ apiVersion, kind, metadata }));
    const uid = child?.metadata.uid;
    if (child === undefined || uid === undefined || (ref.uid !== undefined && ref.uid !== uid)) return;
    const leaving = child.metadata.deletionTimestamp !== undefined;
    if (leaving && gracePeriodSeconds !== 0) return;
    try {
      const kept = await shell.client.remove(
        { ...ref, uid },
        { signal, ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }) },
      );
      if (kept === undefined) shell.assumeGone(child);
      else shell.assume(kept, child);
    } catch (error) {
      fail(ref, error);
    }
  });
}

/**
 * Writes a status where it differs from the observed one, and only then publishes the events. Writes to one object are at least 5 s
 * apart, but for urgent ones; one that comes too early is left to the look that the answer asks for, events and all.
 *
 * @returns milliseconds until a status that was held back may be written, or undefined
 */
export async function executeStatus(
  plan: { status: unknown; urgent?: boolean; events: readonly PlannedEvent[] },
  owner: KubeObject,
  shell: Shell,
  signal: AbortSignal,
): Promise<number | undefined> {
  const key = keyOf(owner);
  const { uid = '' } = owner.metadata;
  const hash = contentHash(plan.status);
  const same =
    within(plan.status, owner.status) && (within(owner.status, plan.status) || shell.pace.lastHash(key, uid) === hash);
  if (same) return undefined;
  const heldMs = plan.urgent === true ? 0 : shell.pace.heldMs(key, uid);
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
  for (const event of plan.events) shell.publish(owner, event);
  return undefined;
}
