import type { Log } from '../../lib/log.ts';
import type { StorageConfig } from '../config.ts';
import { invalid } from './errors.ts';
import { defaultLimits, pathProblem, quoted, type StoreLimits } from './source.ts';

export interface WritableOptions {
  /** What messages call it: `output`. */
  noun: string;
  /** The field of the spec that holds the URI and its storage: `spec.output`. */
  field: string;
  /** Aborted: what is under way rejects with its reason. */
  signal: AbortSignal;
  /** Milliseconds since the epoch, of a clock that never goes back. */
  now: () => number;
  random: () => number;
  log: Log;
  limits?: Partial<WriteLimits>;
}

export interface WriteLimits extends StoreLimits {
  /** How long after its first failure a request to a server is tried again. */
  retryForMs: number;
}

export const defaultWriteLimits: WriteLimits = { ...defaultLimits, retryForMs: 30_000 };

/** A folder that is written to. */
export interface WritablePlace extends Omit<WritableOptions, 'limits'> {
  url: URL;
  /** As messages show it, without a `/` at the end. */
  uri: string;
  storage: StorageConfig;
  limits: WriteLimits;
}

/** How names begin that are ours while something is written; no list has them. */
export const reserved = '.modelyard-';

export const isReserved = (path: string): boolean => path.startsWith(reserved) || path.includes(`/${reserved}`);

/** Throws StoreError where a path is none of a file in the folder. */
export function requirePath(path: string, uri: string): void {
  const problem = isReserved(path) ? 'has a reserved name' : pathProblem(path);
  if (problem) throw invalid(`${uri}: the path ${quoted(path)} ${problem}.`);
}
