import { measured, type Range } from '../statistics.ts';
import type { Load } from './h2load.ts';
import type { Protocol } from './requests.ts';

/** What one round found. */
export interface Measurement extends Load {
  /** Of the server, for each request: what is left of a comparison where others use the core too. */
  cpuUs: number;
}

/** Something to measure once a round. */
export interface Contender {
  server: string;
  /** Undefined for what answers no requests. */
  protocol: Protocol | undefined;
  /** How many requests one run may hold. */
  batch: number;
  /** For at least so long. */
  measure: (seconds: number) => Promise<Measurement>;
}

/** Medians over all rounds. */
export type Result = Omit<Contender, 'measure'> & Record<keyof Measurement, Range & { median: number }>;

const rounds = 3;
const seconds = 1.5;
const warmUpSeconds = 1;

/** Measures all in turns, round after round, so that what disturbs the machine disturbs all alike. */
export async function inTurns(contenders: readonly Contender[]): Promise<Result[]> {
  const loads = contenders.map((): Measurement[] => []);
  for (const { measure } of contenders) await measure(warmUpSeconds);
  for (let round = 0; round < rounds; round++) {
    for (const [index, { measure }] of contenders.entries()) loads[index]?.push(await measure(seconds));
  }
  return contenders.map(({ server, protocol, batch }, index) => {
    const over = (field: keyof Measurement) => measured((loads[index] ?? []).map((measurement) => measurement[field]));
    return {
      server,
      protocol,
      batch,
      requestsPerSecond: over('requestsPerSecond'),
      p50Ms: over('p50Ms'),
      p99Ms: over('p99Ms'),
      cpuUs: over('cpuUs'),
    };
  });
}
