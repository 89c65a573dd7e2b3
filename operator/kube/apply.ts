import type { KubeClient } from './client.ts';
import { contentHash, within } from './compare.ts';
import { isBadRequest, isForbidden, isInvalid, isNotFound, KubeError } from './errors.ts';
import type { Refusal } from './definition.ts';
import { controllerOf, refOf, type KubeObject } from './object.ts';

/** On every object we apply: the hash of what was applied, which shows a field that we stopped setting. */
const appliedHashAnnotation = 'modelyard.dev/applied-hash';

/** What is to be done about one desired object. */
export type Verdict =
  | { kind: 'upToDate' }
  | { kind: 'apply'; object: KubeObject; observed: KubeObject | undefined }
  /** It has to go first: it is being deleted, or is what an earlier owner of this name left behind. */
  | { kind: 'wait' }
  | { kind: 'refused'; refusal: Refusal }
  /** It could not be read. */
  | { kind: 'failed'; error: KubeError };

export function refKey({ apiVersion, kind, metadata: { namespace, name } }: KubeObject): string {
  return `${apiVersion}/${kind}/${namespace ?? ''}/${name}`;
}

function refused(object: KubeObject, reason: string, message: string): Refusal {
  return { ref: refOf(object), reason, message };
}

function withHash(object: KubeObject, hash: string, uid: string | undefined): KubeObject {
  const { metadata } = object;
  return {
    ...object,
    metadata: {
      ...metadata,
      ...(uid === undefined ? {} : { uid }),
      annotations: { ...metadata.annotations, [appliedHashAnnotation]: hash },
    },
  };
}

function compare(desired: KubeObject, observed: KubeObject): Verdict {
  if (observed.metadata.deletionTimestamp !== undefined) return { kind: 'wait' };
  const hash = contentHash(desired);
  if (observed.metadata.annotations?.[appliedHashAnnotation] === hash && within(desired, observed))
    return { kind: 'upToDate' };
  // The uid is a precondition: an object that was replaced meanwhile is not ours to apply over.
  return { kind: 'apply', object: withHash(desired, hash, observed.metadata.uid), observed };
}

/** Somebody else's object, or one that is about to be collected because its owner of our name is gone. */
export function judgeForeign(desired: KubeObject, found: KubeObject, owner: KubeObject): Verdict {
  const theirs = controllerOf(found);
  const earlier =
    theirs?.apiVersion === owner.apiVersion && theirs.kind === owner.kind && theirs.name === owner.metadata.name;
  if (earlier) return { kind: 'wait' };
  const whose = theirs === undefined ? 'has no controller' : `is controlled by ${theirs.kind} ${theirs.name}`;
  const message = `${desired.kind} ${desired.metadata.name} exists already and ${whose}`;
  return { kind: 'refused', refusal: refused(desired, 'NameConflict', message) };
}

/** Decides about one desired object. Reads past the cache where the cache does not know it, for it may be somebody else's. */
export async function judge(
  desired: KubeObject,
  child: KubeObject | undefined,
  owner: KubeObject,
  client: KubeClient,
  signal: AbortSignal,
): Promise<Verdict> {
  if (child !== undefined) return compare(desired, child);
  try {
    const found = await client.get(refOf(desired), { signal });
    return controllerOf(found)?.uid === owner.metadata.uid
      ? compare(desired, found)
      : judgeForeign(desired, found, owner);
  } catch (error) {
    if (isNotFound(error))
      return { kind: 'apply', object: withHash(desired, contentHash(desired), undefined), observed: undefined };
    if (error instanceof KubeError) return { kind: 'failed', error };
    throw error;
  }
}

/** Whether the API server says no to the content, so that the same content will be refused again. */
const isRefusal = (error: unknown): error is KubeError => isInvalid(error) || isForbidden(error) || isBadRequest(error);

/** Rules of the cluster's own answer with whatever status they like. */
const denial = /(?:admission webhook|ValidatingAdmissionPolicy)\b.*\bdenied (?:the )?request/s;

/** What to remember of a write that the API server said no to; undefined where another try may cure it. */
export function refusalOf(object: KubeObject, error: unknown): Refusal | undefined {
  if (!isRefusal(error)) return undefined;
  return refused(object, denial.test(error.message) ? 'Denied' : error.reason, error.message);
}
