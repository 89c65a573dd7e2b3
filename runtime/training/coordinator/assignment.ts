import type { Slice } from '../layout.ts';
import type { Assignment } from '../messages.ts';
import { holds, listOf, rangesOf } from '../ranges.ts';

/** What a worker was told to do. */
export interface Plan {
  assignments: Assignment[];
  /** Servers that it mirrors. */
  mirrors: number[];
}

export interface Planning {
  leaves: number;
  servers: number;
  /** The step that is being done, and the first step that nobody is to do yet. */
  step: number;
  until: number;
  /** Workers that are there, in order. */
  workers: readonly number[];
  /** What those of them that have work already were told. */
  before: ReadonlyMap<number, Plan>;
  /** Leaves of `step` that a server lacks; undefined where nobody was given any yet. */
  missing: readonly Slice[] | undefined;
}

/**
 * A new plan for each worker. For the step that is being done everybody keeps what it has, and what is missing and nobody has is shared
 * out; from the next step on all leaves are shared out evenly.
 */
export function planWork(planning: Planning): Map<number, Plan> {
  const { step, until, workers, before, missing } = planning;
  const even = share(planning.leaves, workers.length);
  const mirrors = chooseMirrors(planning, even);
  const own = workers.map((worker) => leavesAt(before.get(worker), step));
  const orphans = listOf(missing ?? []).filter((leaf) => !own.some((ranges) => holds(ranges, leaf)));
  const extra = share(orphans.length, workers.length);
  const plans = workers.map((worker, position): [number, Plan] => {
    const later = [even[position] ?? nothing].filter(({ from, to }) => from < to);
    const { from, to } = extra[position] ?? nothing;
    const now = missing ? rangesOf([...listOf(own[position] ?? []), ...orphans.slice(from, to)]) : later;
    const assignments = [
      { from: step, until: step + 1, leaves: now },
      { from: step + 1, until, leaves: later },
    ];
    return [
      worker,
      {
        assignments: assignments.filter((some) => some.leaves.length > 0 && some.from < some.until),
        mirrors: mirrors.get(worker) ?? [],
      },
    ];
  });
  return new Map(plans);
}

const nothing: Slice = { from: 0, to: 0 };

/** Cuts so many things for so many workers. Some get none where there are more workers than things. */
const share = (things: number, workers: number): Slice[] =>
  Array.from({ length: workers }, (_, index) => ({
    from: Math.floor((things * index) / workers),
    to: Math.floor((things * (index + 1)) / workers),
  }));

const leavesAt = (plan: Plan | undefined, step: number): Slice[] =>
  plan?.assignments.find(({ from, until }) => from <= step && step < until)?.leaves ?? [];

/**
 * One worker for each server, spread evenly over those that have leaves: only they have every version before the next one is made. A
 * mirror stays where it is while that is even.
 */
function chooseMirrors({ servers, workers, before }: Planning, even: readonly Slice[]): Map<number, number[]> {
  const able = workers.filter((_, position) => {
    const { from, to } = even[position] ?? nothing;
    return from < to;
  });
  const most = Math.ceil(servers / Math.max(1, able.length));
  const mirrors = new Map<number, number[]>(able.map((worker) => [worker, []]));
  const homeless: number[] = [];
  for (let server = 0; server < servers; server++) {
    const now = able.find((worker) => before.get(worker)?.mirrors.includes(server));
    const list = now === undefined ? undefined : mirrors.get(now);
    if (list && list.length < most) list.push(server);
    else homeless.push(server);
  }
  for (const server of homeless) {
    const idlest = [...mirrors.values()].reduce((best, list) => (list.length < best.length ? list : best));
    idlest.push(server);
  }
  return mirrors;
}
