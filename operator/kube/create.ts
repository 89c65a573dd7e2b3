import { judgeForeign, refKey, refusalOf } from './apply.ts';
import { forEachBounded } from './bounded.ts';
import { contentHash } from './compare.ts';
import type { Refusal } from './definition.ts';
import { isAlreadyExists, isConflict, isNotFound, KubeError } from './errors.ts';
import type { Failure, Shell } from './execute.ts';
import { controllerOf, keyOf, refOf, type KubeObject } from './object.ts';

/** Requests under way at a time. */
const concurrency = 64;
/** A quota counts by itself and answers with a conflict where many count at once. */
const maxConflicts = 8;
/** With these an object is refused for what it is itself; any other speaks for all. */
const ownReasons: readonly string[] = ['Invalid', 'NameConflict'];

/** What became of the objects to create. */
export interface Created {
  /** By `refKey`. */
  refusals: Map<string, Refusal>;
  /** Something of the same name has to go first. */
  inTheWay: boolean;
  /** The first one; after it nothing was begun any more. */
  failure: Failure | undefined;
}

/**
 * Creates what is missing, many at a time. Nothing is read before: a name that is taken shows in the answer, and only then is
 * looked at. Where something is refused, first one object is tried alone, and a refusal that speaks for all (a quota) stops the rest.
 */
export async function createAll(
  objects: readonly KubeObject[],
  owner: KubeObject,
  known: ReadonlyMap<string, KubeObject>,
  shell: Shell,
  signal: AbortSignal,
): Promise<Created> {
  const { client, refusals } = shell;
  const key = keyOf(owner);
  const result: Created = { refusals: new Map(), inTheWay: false, failure: undefined };
  let stopped = false;

  const note = (name: string, refusal: Refusal): void => {
    result.refusals.set(name, refusal);
    stopped ||= !ownReasons.includes(refusal.reason);
  };
  const refuse = (object: KubeObject, refusal: Refusal): void => {
    refusals.add(key, refKey(object), contentHash(object), refusal);
    note(refKey(object), refusal);
  };

  /** The name is taken, by ours or by another's. */
  const look = async (object: KubeObject): Promise<void> => {
    let found: KubeObject;
    try {
      found = await client.get(refOf(object), { signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
      result.inTheWay = true;
      return;
    }
    if (controllerOf(found)?.uid === owner.metadata.uid) {
      if (found.metadata.deletionTimestamp === undefined) shell.assume(found, undefined);
      else result.inTheWay = true;
      return;
    }
    const verdict = judgeForeign(object, found, owner);
    if (verdict.kind === 'refused') refuse(object, verdict.refusal);
    else result.inTheWay = true;
  };

  const create = async (object: KubeObject, conflicts = 0): Promise<void> => {
    if (stopped) return;
    try {
      shell.assume(await client.create(object, { signal }), undefined);
    } catch (error) {
      const refusal = refusalOf(object, error);
      if (isAlreadyExists(error)) await look(object);
      else if (isConflict(error) && conflicts < maxConflicts) await create(object, conflicts + 1);
      else if (refusal !== undefined) refuse(object, refusal);
      else throw error;
    }
  };

  const attempt = async (object: KubeObject): Promise<void> => {
    try {
      await create(object);
    } catch (error) {
      if (!(error instanceof KubeError)) throw error;
      stopped = true;
      result.failure ??= { ref: refOf(object), error };
    }
  };

  const wanted: KubeObject[] = [];
  for (const object of objects) {
    const name = refKey(object);
    if (known.has(name)) {
      result.inTheWay = true;
      continue;
    }
    // Hashed only where something is refused: a thousand pods are a lot to hash.
    const standing = refusals.any(key) ? refusals.standing(key, name, contentHash(object)) : undefined;
    if (standing === undefined) wanted.push(object);
    else note(name, standing);
  }
  const [first, ...rest] = wanted;
  if (first !== undefined) await attempt(first);
  await forEachBounded(rest, concurrency, attempt);
  return result;
}
