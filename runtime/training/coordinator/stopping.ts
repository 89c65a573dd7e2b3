import type { CheckpointKeeper } from './checkpoint-keeper.ts';
import { Interrupted } from './interrupted.ts';
import type { Members } from './members.ts';
import { until } from './until.ts';

export interface SavingOptions {
  members: Members;
  generation: number;
  keeper: CheckpointKeeper;
  withinMs: number;
}

/**
 * Has the newest version that all servers have written as a checkpoint, unless one holds it. Resolves with that version; undefined where there is
 * none. Rejects where it cannot be done in time or a server leaves.
 */
export async function saveNewest({
  members,
  generation,
  keeper,
  withinMs,
}: SavingOptions): Promise<number | undefined> {
  const lost = new AbortController();
  const signal = AbortSignal.any([AbortSignal.timeout(withinMs), lost.signal]);
  const stop = members.listen({ serverLeft: () => lost.abort(new Interrupted('a parameter server left')) });
  try {
    if (members.absent.length > 0) return undefined;
    const version = newestCommon(await pausedVersions(members, generation, signal));
    if (version === undefined || version === 0) return undefined;
    if (keeper.newest?.version !== version) await keeper.write('checkpoints', version, generation, signal);
    return version;
  } finally {
    stop();
  }
}

/** Stops everybody; resolves with the versions of each server. */
function pausedVersions(members: Members, generation: number, signal: AbortSignal): Promise<(readonly number[])[]> {
  const versions = new Map<number, readonly number[]>();
  return until(signal, (resolve) => {
    const stop = members.listen({
      serverSaid: ({ index }, message) => {
        if (message.type !== 'holdings' || message.generation !== generation) return;
        versions.set(index, message.versions);
        if (versions.size === members.servers.length) resolve([...versions.values()]);
      },
    });
    members.pause(generation);
    return stop;
  });
}

/** The highest number that is in every list. */
function newestCommon(lists: readonly (readonly number[])[]): number | undefined {
  const [first = [], ...others] = lists;
  const common = first.filter((version) => others.every((list) => list.includes(version)));
  return common.length === 0 ? undefined : Math.max(...common);
}
