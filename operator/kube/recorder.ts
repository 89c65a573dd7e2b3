import type { Log } from '../../lib/log.ts';
import type { PlannedEvent } from '../core/plan.ts';
import type { KubeClient } from './client.ts';
import { hasAborted, type Clock } from './clock.ts';
import { contentHash } from './compare.ts';
import { isConflict, isNotFound } from './errors.ts';
import type { KubeObject } from './object.ts';

export interface RecorderOptions {
  client: KubeClient;
  /** A qualified name, such as `modelyard.dev/operator`. */
  controller: string;
  /** The pod. */
  instance: string;
  clock: Clock;
  log: Log;
}

/** The same words about the same object within this time are one event with a count. */
const seriesMs = 360_000;
/** Writes of a count are at least this far apart. */
const seriesWriteMs = 30_000;
/** For one object: so many at once, then one in five minutes. */
const burst = 25;
const refillMs = 300_000;
const maxSeries = 4_096;
const maxNoteLength = 1_024;

interface Series {
  event: KubeObject;
  count: number;
  lastMs: number;
  lastTime: string;
  /** What the API server knows. */
  written: number;
  writtenMs: number;
}

const microTime = (date: Date): string => date.toISOString().replace('Z', '000Z');

/** What an Event may say at most, cut between characters. */
function cut(note: string): string {
  if (Buffer.byteLength(note) <= maxNoteLength) return note;
  return `${new TextDecoder().decode(Buffer.from(note).subarray(0, maxNoteLength - 4)).replace(/\uFFFD+$/, '')}…`;
}

/**
 * Publishes Events in the background: `publish` returns at once and never fails, and an event that cannot be written is dropped with
 * a line in the log. Repetitions become the count of a series, which is written only together with a further one: where nothing happens,
 * nothing is written, and a count may lack the repetitions of the last 30 s.
 */
export class Recorder {
  readonly #options: RecorderOptions;
  readonly #series = new Map<string, Series>();
  readonly #budgets = new Map<string, { left: number; atMs: number }>();
  readonly #due = new Set<string>();
  #wake: () => void = () => undefined;

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  publish(owner: KubeObject, planned: PlannedEvent): void {
    const { clock, log } = this.#options;
    const { uid = '', name, namespace } = owner.metadata;
    const key = contentHash([uid, planned]);
    const nowMs = clock.monotonicMs();
    const known = this.#series.get(key);
    if (known !== undefined && nowMs - known.lastMs < seriesMs) {
      known.count += 1;
      known.lastMs = nowMs;
      known.lastTime = microTime(clock.now());
    } else {
      if (!this.#afford(uid, nowMs)) {
        log.debug({ namespace, name, reason: planned.reason }, 'too many events about one object; this one is dropped');
        return;
      }
      if (this.#series.size >= maxSeries) this.#evict(nowMs);
      const event = this.#event(owner, planned, key);
      this.#series.set(key, {
        event,
        count: 1,
        lastMs: nowMs,
        lastTime: microTime(clock.now()),
        written: 0,
        writtenMs: Number.NEGATIVE_INFINITY,
      });
    }
    this.#due.add(key);
    this.#wake();
  }

  /** Writes until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = (): void => this.#wake();
    signal.addEventListener('abort', stop, { once: true });
    while (!signal.aborted) {
      const woken = new Promise<void>((resolve) => (this.#wake = resolve));
      await this.flush(signal);
      if (!hasAborted(signal)) await woken;
    }
    signal.removeEventListener('abort', stop);
  }

  /** Writes what is left. */
  async flush(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    for (const key of [...this.#due]) {
      if (hasAborted(signal)) return;
      this.#due.delete(key);
      const series = this.#series.get(key);
      if (series === undefined || clock.monotonicMs() < series.writtenMs + seriesWriteMs) continue;
      await this.#write(series, signal).catch((error: unknown) => {
        // Cut short by the end of the process: the flush tries again.
        if (hasAborted(signal)) this.#due.add(key);
        else log.warn({ err: error, event: series.event.metadata.name }, 'an event could not be written');
      });
    }
  }

  async #write(series: Series, signal: AbortSignal): Promise<void> {
    const { client, clock } = this.#options;
    const { count, lastTime } = series;
    if (count === series.written) return;
    const event = count === 1 ? series.event : { ...series.event, series: { count, lastObservedTime: lastTime } };
    try {
      series.event =
        series.written === 0 ? await client.create(event, { signal }) : await client.replace(event, { signal });
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
      // Expired or touched: whatever is said next begins a new one.
      for (const [key, one] of this.#series) if (one === series) this.#series.delete(key);
      return;
    }
    series.written = count;
    series.writtenMs = clock.monotonicMs();
  }

  #event(owner: KubeObject, { type, reason, action, note }: PlannedEvent, key: string): KubeObject {
    const { clock, controller, instance } = this.#options;
    const { name, namespace, uid, resourceVersion } = owner.metadata;
    const { apiVersion, kind } = owner;
    const suffix = contentHash([key, clock.now().toISOString(), clock.random()]);
    return {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name: `${name}.${suffix}`, namespace: namespace ?? 'default' },
      eventTime: microTime(clock.now()),
      reportingController: controller,
      reportingInstance: instance.slice(0, 128),
      type,
      reason,
      action,
      note: cut(note),
      regarding: { apiVersion, kind, name, namespace, uid, resourceVersion },
    };
  }

  #afford(uid: string, nowMs: number): boolean {
    const budget = this.#budgets.get(uid) ?? { left: burst, atMs: nowMs };
    const left = Math.min(burst, budget.left + (nowMs - budget.atMs) / refillMs);
    if (this.#budgets.size > maxSeries) this.#budgets.clear();
    this.#budgets.set(uid, { left: left >= 1 ? left - 1 : left, atMs: nowMs });
    return left >= 1;
  }

  #evict(nowMs: number): void {
    for (const [key, { lastMs }] of this.#series) if (nowMs - lastMs >= seriesMs) this.#series.delete(key);
    const oldest = this.#series.keys().next().value;
    if (oldest !== undefined && this.#series.size >= maxSeries) this.#series.delete(oldest);
  }
}
