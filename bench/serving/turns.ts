import { measured, type Range } from '../statistics.ts';
import type { Load } from './h2load.ts';
import type { Protocol } from './requests.ts';

/** Something to measure once a round. */
export interface Contender {
  server: string;
  /** Undefined for what answers no requests. */
  protocol: Protocol | undefined;
  /** How many requests one run may hold. */
  batch: number;
  measure: (seconds: number) => Promise<Load>;
}

/** Medians over all rounds. */
export interface Result extends Omit<Contender, 'measure'> {
  requestsPerSecond: Range & { median: number };
  p50Ms: Range & { median: number };
  p99Ms: Range & { median: number };
}

const rounds = 5;
const seconds = 1.5;
const warmUpSeconds = 1;

/** Measures all in turns, round after round, so that what disturbs the machine disturbs all alike. */
export async function inTurns(contenders: readonly Contender[]): Promise<Result[]> {
  const loads = contenders.map((): Load[] => []);
  for (const { measure } of contenders) await measure(warmUpSeconds);
  for (let round = 0; round < rounds; round++) {
    for (const [index, { measure }] of contenders.entries()) loads[index]?.push(await measure(seconds));
  }
  return contenders.map(({ server, protocol, batch }, index) => {
    const over = (field: keyof Load) => measured((loads[index] ?? []).map((load) => load[field]));
    return {
      server,
      protocol,
      batch,
      requestsPerSecond: over('requestsPerSecond'),
      p50Ms: over('p50Ms'),
      p99Ms: over('p99Ms'),
    };
  });
}
