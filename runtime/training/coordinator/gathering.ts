import { chooseRecovery, mayImprove, type Holdings, type Recovery } from './recovery.ts';
import type { Members, ServerMember, WorkerMember } from './members.ts';
import type { CoordinatorWaits } from './options.ts';
import { until } from './until.ts';

export interface GatheringOptions {
  members: Members;
  generation: number;
  /** Aborted when this generation is over. */
  signal: AbortSignal;
  /** Monotonic, in milliseconds. */
  now: () => number;
  waits: CoordinatorWaits;
  /** How many steps this process knows all about; of more than these a mirror has to tell. */
  knownSteps: number;
  checkpoint: number | undefined;
  /** Only versions below this one are worth anything. */
  below: number;
  /** When nothing is waited for any more that might not come: monotonic. */
  settledAtMs: number;
  /** What each server has to know before all else. */
  program: { trainable: number; total: number; totalSteps: number };
}

export interface Gathered {
  recovery: Recovery;
  /** The newest version that anybody had. */
  newest: number;
}

/**
 * Begins a generation: everybody stops and says what it has. Resolves with how to go on as soon as that cannot become better, or once it was waited
 * for long enough.
 */
export function gather(options: GatheringOptions): Promise<Gathered> {
  const { members, generation, signal, now, waits } = options;
  const servers = new Map<number, readonly number[]>();
  const workers = new Map<
    number,
    { states: { server: number; version: number }[]; coordinator: number[]; newest: number }
  >();
  const startedAtMs = now();

  const holdings = (): Holdings => ({
    servers: members.servers.map(({ index }) =>
      (servers.get(index) ?? []).filter((version) => version < options.below),
    ),
    mirrors: [...workers].flatMap(([worker, { states }]) =>
      states.filter(({ version }) => version < options.below).map((state) => ({ worker, ...state })),
    ),
    knownSteps: options.knownSteps,
    states: [...workers].flatMap(([worker, held]) => held.coordinator.map((version) => ({ worker, version }))),
    checkpoint: options.checkpoint,
  });

  return until(signal, (resolve) => {
    const decide = (): void => {
      const complete = members.servers.every(({ index }) => servers.has(index));
      const answered = members.workers.every(({ index }) => workers.has(index));
      if (!complete || !answered || members.workers.length === 0) return;
      const known = holdings();
      const recovery = chooseRecovery(known);
      const waitUntilMs = mayImprove(known, recovery)
        ? startedAtMs + waits.recoveryMs
        : recovery.kind === 'Continue'
          ? 0
          : options.settledAtMs;
      const remainingMs = waitUntilMs - now();
      clearTimeout(timer);
      if (remainingMs > 0) timer = setTimeout(decide, remainingMs);
      else
        resolve({
          recovery,
          newest: newestOf(
            known,
            [...workers.values()].map((held) => held.newest),
          ),
        });
    };
    let timer: NodeJS.Timeout | undefined;
    const stop = members.listen({
      workerLeft: ({ index }) => {
        workers.delete(index);
        decide();
      },
      serverSaid: ({ index }: ServerMember, message) => {
        if (message.type !== 'holdings' || message.generation !== generation) return;
        servers.set(index, message.versions);
        decide();
      },
      workerSaid: ({ index }: WorkerMember, message) => {
        if (message.type !== 'holdings' || message.generation !== generation) return;
        workers.set(index, message);
        decide();
      },
    });
    members.toServers({ type: 'program', ...options.program });
    members.pause(generation);
    return () => {
      clearTimeout(timer);
      stop();
    };
  });
}

const newestOf = ({ servers }: Holdings, workers: number[]): number => Math.max(0, ...servers.flat(), ...workers);
