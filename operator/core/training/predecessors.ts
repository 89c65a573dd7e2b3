import type { Pod } from '../objects.ts';

/** What became of the earlier pods of one name: each pod carries it, so that it outlives them all. */
export interface Predecessors {
  /** Containers of theirs that ended with a failure. */
  restarts: number;
  /** How many of them were lost: evicted, preempted, deleted, or gone with their node. */
  evictions: number;
  /** Why the last one was replaced: CamelCase, and in words. */
  reason: string;
  message: string;
}

/** Only counts are handed on: no pod of the name was lost that anybody should be told of. */
export const nothingLost = { reason: 'PodReplaced', message: '' } as const;

export const tellsOfLoss = (predecessors: Predecessors | undefined): predecessors is Predecessors =>
  predecessors !== undefined && predecessors.message !== '';

const annotation = 'modelyard.dev/predecessors';
const maxMessageLength = 512;

export function predecessorsAnnotation(predecessors: Predecessors | undefined): Record<string, string> {
  if (predecessors === undefined) return {};
  const message = predecessors.message.slice(0, maxMessageLength);
  return { [annotation]: JSON.stringify({ ...predecessors, message }) };
}

const count = (value: unknown): number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value < 1_000_000 ? value : 0;

/** Undefined for the first pod of a name. An annotation that somebody wrote over counts as none. */
export function predecessorsOf({ metadata }: Pod): Predecessors | undefined {
  const text = metadata.annotations?.[annotation];
  if (text === undefined) return undefined;
  try {
    const { restarts, evictions, reason, message } = JSON.parse(text) as Partial<Record<keyof Predecessors, unknown>>;
    return {
      restarts: count(restarts),
      evictions: count(evictions),
      reason: typeof reason === 'string' && /^[A-Z][A-Za-z0-9]{0,63}$/.test(reason) ? reason : 'PodReplaced',
      message: typeof message === 'string' ? message.slice(0, maxMessageLength) : '',
    };
  } catch {
    return undefined;
  }
}
