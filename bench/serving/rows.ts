import type { Row } from '../main.ts';
import { oursName } from './ours.ts';
import type { Result } from './turns.ts';

const details = ({ p50Ms, p99Ms, cpuUs }: Result) => ({
  p50Ms: p50Ms.median,
  p99Ms: p99Ms.median,
  cpuUs: cpuUs.median,
});

/** Requests per second of ours and of a reference, with what a request took on both sides. */
function throughputRow(what: string, mine: Result, reference: Result, referenceName: string): Row {
  return {
    what: mine.protocol === undefined ? what : `${what}, ${mine.protocol}`,
    unit: 'requests/s',
    ours: mine.requestsPerSecond.median,
    oursRange: mine.requestsPerSecond,
    oursDetails: details(mine),
    reference: reference.requestsPerSecond.median,
    referenceRange: reference.requestsPerSecond,
    referenceDetails: details(reference),
    referenceName,
  };
}

const oursOf = (results: readonly Result[]): Result[] => results.filter(({ server }) => server === oursName);

/** Each of our protocols beside one reference. */
export const besideOne = (what: string, results: readonly Result[], reference: Result, referenceName: string): Row[] =>
  oursOf(results).map((mine) => throughputRow(what, mine, reference, referenceName));

/** Each of our protocols beside every reference that speaks it. */
export const besideSame = (
  what: string,
  results: readonly Result[],
  references: readonly Result[],
  nameOf = ({ server }: Result): string => server,
): Row[] =>
  oursOf(results).flatMap((mine) =>
    references
      .filter(({ protocol }) => protocol === mine.protocol)
      .map((reference) => throughputRow(what, mine, reference, nameOf(reference))),
  );

/** The median latency of each of our protocols beside an echo of the same stack and a run without a server, added up. */
export const besideEcho = (what: string, results: readonly Result[], echoes: readonly Result[], raw: Result): Row[] =>
  oursOf(results).flatMap((mine) =>
    echoes
      .filter(({ protocol }) => protocol === mine.protocol)
      .map((echo) => ({
        what: `${what}, ${mine.protocol ?? ''}: p50`,
        unit: 'ms',
        ours: mine.p50Ms.median,
        oursRange: mine.p50Ms,
        reference: echo.p50Ms.median + raw.p50Ms.median,
        referenceName: `${echo.server} + ${raw.server}`,
      })),
  );

/** The one with the most requests per second. */
export const best = ([first, ...others]: readonly Result[]): Result => {
  if (!first) throw new Error('nothing was measured');
  return others.reduce((a, b) => (b.requestsPerSecond.median > a.requestsPerSecond.median ? b : a), first);
};

export function only(results: readonly Result[], server: string): Result {
  const [found, another] = results.filter((result) => result.server === server);
  if (!found || another) throw new Error(`${server} was not measured once`);
  return found;
}
