import { describe, expect, test } from '@jest/globals';
import { encodeTensor } from '../../../../lib/tensor-codec.ts';
import type { RunRequest } from '../../../../runtime/serving/messages.ts';
import {
  priorities,
  Scheduler,
  type SchedulerOptions,
  type Timeline,
  type Waiting,
} from '../../../../runtime/serving/scheduler.ts';

const row = (value: number): RunRequest => ({
  inputs: [{ name: 'x', dataType: 'FP32', shape: [1], data: encodeTensor('FP32', Float32Array.of(value)) }],
});

const valueOf = ({ inputs }: RunRequest): number => Buffer.from(inputs[0]?.data ?? []).readFloatLE(0);

/** A scheduler whose model runs until the test lets it go. */
function scheduling(options: Partial<SchedulerOptions> = {}) {
  const runs: number[][] = [];
  const ends: (() => void)[] = [];
  const sends: (() => void)[] = [];
  const scheduler = new Scheduler({
    batchMaxSize: 3,
    batchMaxDelayMs: 0,
    queueMaxLength: 100,
    queueMaxBytes: 1_000_000,
    timeoutMs: 60_000,
    now: () => performance.now(),
    observe: { holds: () => undefined, ran: () => undefined },
    runner: {
      isReady: () => true,
      run: async (requests, onSent) => {
        runs.push(requests.map(valueOf));
        sends.push(onSent);
        await new Promise<void>((resolve) => ends.push(resolve));
        const results = requests.map(({ inputs }) => ({ ok: true as const, outputs: inputs }));
        return { results, executions: [], inputMs: 0, runMs: 1 };
      },
      kill: () => undefined,
    },
    ...options,
  });
  scheduler.resume(true);
  const answered: number[] = [];
  const infer = (value: number, waiting: Waiting = {}): void =>
    void scheduler.infer(row(value), waiting).then(
      () => answered.push(value),
      () => undefined,
    );
  const end = async (): Promise<void> => {
    ends.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { scheduler, runs, sends, answered, infer, end };
}

describe('the queue before a model', () => {
  test('lets the most urgent go first, and among those the oldest', async () => {
    const { runs, infer, end } = scheduling();
    infer(0);
    infer(1);
    infer(2, { priority: 3 });
    infer(3, { priority: 1 });
    infer(4);
    infer(5, { priority: 1 });
    for (let run = 0; run < 3; run++) await end();
    expect(runs).toEqual([[0], [3, 5, 1], [4, 2]]);
  });

  test('runs what is in the background when nobody waits for anything else, and each alone', async () => {
    const { runs, answered, infer, end } = scheduling();
    const background = { priority: priorities.background, isAlone: true };
    infer(0);
    infer(1, background);
    infer(2, background);
    infer(3);
    await end();
    infer(4);
    for (let run = 0; run < 4; run++) await end();
    expect(runs).toEqual([[0], [3], [4], [1], [2]]);
    expect(answered).toEqual([0, 3, 4, 1, 2]);
  });

  test('does not hold up a request that runs alone for others to come', () => {
    const { runs, infer } = scheduling({ batchMaxDelayMs: 60_000 });
    infer(1, { isAlone: true });
    expect(runs).toEqual([[1]]);
  });

  test('begins no run while it is paused, and the pause when no run goes on', async () => {
    const { scheduler, runs, infer, end } = scheduling();
    infer(0);
    const begun: string[] = [];
    let done = (): void => undefined;
    const paused = scheduler.pause(async () => {
      begun.push('work');
      await new Promise<void>((resolve) => (done = resolve));
    });
    infer(1);
    await new Promise((resolve) => setImmediate(resolve));
    expect(begun).toEqual([]);
    await end();
    expect(begun).toEqual(['work']);
    expect(runs).toEqual([[0]]);
    done();
    await paused;
    expect(runs).toEqual([[0], [1]]);
  });

  test('notes when a request was queued and how it ran, the same run for all that ran together', async () => {
    let clockMs = 100;
    const { infer, end } = scheduling({ now: () => clockMs });
    const timelines = Array.from({ length: 3 }, (): Timeline => ({ queuedAt: undefined, run: undefined }));
    for (const [index, timeline] of timelines.entries()) {
      infer(index, { timeline });
      clockMs += 10;
    }
    const [first, second, third] = timelines;
    expect(first).toMatchObject({ queuedAt: 100, run: { beganAt: 100, endedAt: undefined } });
    expect(second).toEqual({ queuedAt: 110, run: undefined });
    await end();
    clockMs += 5;
    await end();
    expect(first?.run).toMatchObject({ beganAt: 100, endedAt: 130, requests: 1, times: { runMs: 1 } });
    expect(second).toMatchObject({ queuedAt: 110, run: { beganAt: 130, endedAt: 135, requests: 2 } });
    expect(third?.run).toBe(second?.run);
  });

  test('notes a run that gave no answer', async () => {
    const runner = { isReady: () => true, run: () => Promise.reject(new Error('died')), kill: () => undefined };
    const { infer, end } = scheduling({ runner });
    const timeline: Timeline = { queuedAt: undefined, run: undefined };
    infer(0, { timeline });
    await end();
    expect(timeline.run).toMatchObject({ requests: 1, times: undefined });
  });

  test('says of each request when its inputs have left, and of none that never ran', async () => {
    const { runs, sends, infer, end } = scheduling();
    const sent: number[] = [];
    const left = new AbortController();
    for (const value of [0, 1, 2]) infer(value, { onSent: () => sent.push(value), signal: left.signal });
    expect(sent).toEqual([]);
    sends.shift()?.();
    expect(sent).toEqual([0]);
    left.abort();
    await end();
    infer(3, { onSent: () => sent.push(3) });
    infer(4);
    infer(5, { onSent: () => sent.push(5) });
    await end();
    await end();
    sends.forEach((send) => send());
    expect(runs).toEqual([[0], [3], [4, 5]]);
    expect(sent).toEqual([0, 3, 5]);
  });
});
