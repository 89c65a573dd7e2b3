import { timingSafeEqual } from 'node:crypto';
import type { MountedFiles } from './mounted-files.ts';
import { digestIn, digestOf } from './secret-digest.ts';

/** Of one caller; the key itself is nowhere but with its owner. */
export interface ApiKey {
  caller: string;
  /** SHA-256. */
  hash: Buffer;
}

export interface ApiKeys {
  keys: ApiKey[];
  /** What a person should look at. It names entries, and holds nothing of what is in them. */
  problem: string | undefined;
}

/** How many entries a message names. */
const namedEntries = 5;

/** The entries of the Secret: the caller's name, and `sha256:HEX` of the key. One that holds something else lets nobody in. */
export function apiKeysIn(files: MountedFiles | undefined): ApiKeys {
  if (files === undefined) return { keys: [], problem: 'it cannot be read' };
  if (files.size === 0) return { keys: [], problem: 'it is empty' };
  const keys: ApiKey[] = [];
  const bad: string[] = [];
  for (const [caller, text] of files) {
    const hash = digestIn(text.trim());
    if (hash === undefined) bad.push(caller);
    else keys.push({ caller, hash });
  }
  if (bad.length === 0) return { keys, problem: undefined };
  const more = bad.length > namedEntries ? ` and ${bad.length - namedEntries} more` : '';
  return { keys, problem: `${bad.slice(0, namedEntries).join(', ')}${more} must hold sha256: and 64 hex digits` };
}

/** Whose key it is. Takes as long for a wrong key as for a right one, whichever entry it is. */
export function callerWithKey(keys: readonly ApiKey[], given: string): string | undefined {
  const digest = digestOf(given);
  let caller: string | undefined;
  for (const key of keys) if (timingSafeEqual(key.hash, digest)) ({ caller } = key);
  return caller;
}
