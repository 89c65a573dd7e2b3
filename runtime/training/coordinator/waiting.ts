import { setTimeout as delay } from 'node:timers/promises';
import { Interrupted } from './interrupted.ts';
import type { Members } from './members.ts';
import { until } from './until.ts';

export interface WaitingOptions {
  members: Members;
  /** Servers that want to stop. */
  leaving: ReadonlySet<number>;
  signal: AbortSignal;
  /** Between two looks, in milliseconds. */
  lookMs: number;
  /** Whoever is missing may be with another coordinator: rejects where there is one. */
  lookForSuccessor: (signal: AbortSignal) => Promise<void>;
}

/** Resolves once all servers are connected and a worker is ready. Rejects with Interrupted where a server wants to stop. */
export function everybody({ members, leaving, signal, lookMs, lookForSuccessor }: WaitingOptions): Promise<void> {
  return until(signal, (resolve, reject) => {
    const check = (): void => {
      if (members.absent.length + leaving.size === 0 && members.workers.length > 0) resolve();
    };
    const stop = members.listen({
      serverJoined: check,
      serverLeft: check,
      workerJoined: check,
      serverSaid: ({ index }, { type }) => {
        if (type === 'stopping') reject(new Interrupted(`parameter server ${index} is told to stop`));
      },
    });
    const looking = new AbortController();
    const look = async (during: AbortSignal): Promise<void> => {
      for (;;) {
        await delay(lookMs, undefined, { signal: during });
        await lookForSuccessor(during);
      }
    };
    look(AbortSignal.any([signal, looking.signal])).catch(reject);
    check();
    return () => {
      looking.abort();
      stop();
    };
  });
}

/** Resolves after so many milliseconds, and before that when servers or workers come or go. */
export function breath(members: Members, ms: number, signal: AbortSignal): Promise<void> {
  return until(signal, (resolve) => {
    const timer = setTimeout(resolve, ms);
    const stop = members.listen({
      serverJoined: () => resolve(),
      serverLeft: () => resolve(),
      workerJoined: () => resolve(),
      serverSaid: (_, { type }) => {
        if (type === 'stopping') resolve();
      },
    });
    return () => {
      clearTimeout(timer);
      stop();
    };
  });
}
