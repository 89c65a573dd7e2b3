import { setTimeout as sleep } from 'node:timers/promises';
import { adminPaths } from '../../runtime/contract.ts';
import { loopModel } from '../support/models.ts';
import { startServingProcess } from '../support/serving.ts';

/** One run of the model. */
const runSeconds = 5;
const rounds = 4;
const deadlineMs = 500;

const percentile = (times: number[], share: number): number =>
  times.toSorted((a, b) => a - b)[Math.floor((times.length - 1) * share)] ?? NaN;
const summary = (times: number[]): object => ({
  count: times.length,
  p50: percentile(times, 0.5),
  p99: percentile(times, 0.99),
  max: percentile(times, 1),
});

/**
 * How late probes and deadlines are answered while the model runs. Promises: probes under 50 ms at p99 during a run of 5 s; a
 * deadline at most 50 ms after itself.
 * @returns whether they were kept
 */
export async function answeringLatency(say: (line: string) => void): Promise<boolean> {
  const serving = startServingProcess({ files: { 'model.onnx': loopModel() } });
  try {
    await serving.ready();
    const run = async (trips: number, headers: Record<string, string> = {}): Promise<number> => {
      const body = `{"inputs":[{"name":"trips","shape":[],"datatype":"INT64","data":[${Math.round(trips)}]}]}`;
      const response = await fetch(`${serving.url}/v2/models/model/infer`, { method: 'POST', body, headers });
      await response.arrayBuffer();
      return response.status;
    };
    let trips = 100_000;
    let took = 0;
    while (took < 500) {
      trips *= 2;
      const begin = performance.now();
      await run(trips);
      took = performance.now() - begin;
    }
    // A deadline counts from the arrival of its request: connections are opened before.
    await Promise.all(Array.from({ length: 20 }, () => run(1)));
    const [probes, deadlines]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      const progress = { done: false };
      const slow = run((trips / took) * 1000 * runSeconds).finally(() => (progress.done = true));
      const late = async (): Promise<void> => {
        const begin = performance.now();
        const status = await run(1, { 'request-timeout': String(deadlineMs / 1000) });
        if (status === 504) deadlines.push(performance.now() - begin - deadlineMs);
      };
      const waiting = Array.from({ length: 20 }, late);
      while (!progress.done) {
        for (const path of [adminPaths.live, adminPaths.ready]) {
          const begin = performance.now();
          await (await fetch(`${serving.admin}${path}`)).arrayBuffer();
          probes.push(performance.now() - begin);
        }
        await sleep(5);
      }
      await Promise.all([slow, ...waiting]);
    }
    const kept = percentile(probes, 0.99) <= 50 && percentile(deadlines, 1) <= 50;
    say(JSON.stringify({ probesMs: summary(probes), afterDeadlineMs: summary(deadlines) }, undefined, 2));
    return kept;
  } finally {
    await serving.stop();
  }
}
