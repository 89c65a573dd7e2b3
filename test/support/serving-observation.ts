import { readFileSync } from 'node:fs';
import { adminPaths, ports } from '../../runtime/contract.ts';
import { counting, restCaller } from './callers.ts';
import { until, type ServingProcess } from './serving.ts';

/** What tests see of a serving process from outside. */

/** The sum of a metric's samples. */
export async function metric({ admin }: ServingProcess, name: string): Promise<number> {
  const text = await (await fetch(`${admin}${adminPaths.metrics}`)).text();
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

/** Runs of the model so far. */
export const runs = (serving: ServingProcess): Promise<number> =>
  metric(serving, 'modelyard_inference_batch_requests_count');

/** Resolves when so many requests wait for the model. */
export const untilQueued = (serving: ServingProcess, length: number): Promise<void> =>
  until(async () => (await metric(serving, 'modelyard_inference_queue_requests')) === length);

/** The processes that hold models, or wait for one. */
export function modelProcesses({ process: { pid } }: ServingProcess): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return children === '' ? [] : children.split(' ').map(Number);
}

/** The process that holds the model. */
export const modelProcess = (serving: ServingProcess): number | undefined => modelProcesses(serving)[0];

export function killModel(serving: ServingProcess, signal: NodeJS.Signals): void {
  const pid = modelProcess(serving);
  if (pid === undefined) throw new Error('there is no model process');
  process.kill(pid, signal);
}

/** Resolves when the model has run for a tenth of a second, which nothing else in its process does. */
export async function untilRunning(serving: ServingProcess): Promise<void> {
  /** Hundredths of a second of processor time. */
  const used = (): number => {
    const fields =
      readFileSync(`/proc/${modelProcess(serving)}/stat`, 'utf8')
        .split(') ')[1]
        ?.split(' ') ?? [];
    return Number(fields[11]) + Number(fields[12]);
  };
  const before = used();
  await until(() => used() >= before + 10);
}

export function residentMiB(pid: number | undefined): number {
  const kilobytes = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes) / 1024;
}

/** Trips of `loopModel` in one second on this machine, so that a run can be as long as one wants. */
export async function loopSpeed({ host }: ServingProcess): Promise<number> {
  const caller = restCaller(`${host}:${ports.http}`, counting);
  try {
    let trips = 10_000;
    for (;;) {
      trips *= 2;
      const begin = performance.now();
      await caller.ask(trips);
      const seconds = (performance.now() - begin) / 1000;
      if (seconds > 0.3) return trips / seconds;
    }
  } finally {
    caller.close();
  }
}
