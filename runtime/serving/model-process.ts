import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../../lib/log.ts';
import type { Fault } from '../contract.ts';
import { ModelFault } from '../errors.ts';
import { exists } from '../store/cache.ts';
import type { LoadMessage, RunRequest } from './messages.ts';
import type { Loaded, ModelChild, RunOutcome } from './model-child-handle.ts';

export interface ModelProcessOptions {
  /** Gives a process that has no model yet. */
  spawn: () => ModelChild;
  load: Omit<LoadMessage, 'type'>;
  /** How many processes were killed for their memory so far. */
  memoryKills: () => number;
  /** A load that takes longer is killed. */
  loadTimeoutMs: number;
  /** Milliseconds of a clock that never goes back. */
  now: () => number;
  /** In [0, 1). */
  random: () => number;
  log: Log;
  events: ModelProcessEvents;
}

interface ModelProcessEvents {
  /** The process begins its life: `Loading`, then `WarmingUp`. */
  phase(phase: 'Loading' | 'WarmingUp'): void;
  /** It can run. */
  ready(loaded: Loaded, loadMs: number): void;
  /** It is gone and will be started again. `fault` where a person should know why. */
  down(fault: Fault | undefined): void;
  /** The model itself is at fault: it will not be started again. */
  failed(fault: Fault): void;
  /** The model's file is not there any more: nothing will be started again. */
  gone(): void;
}

const crashesBeforeBreak = 3;
const crashWindowMs = 60_000;
const brokenPauseMs = 30_000;
const firstPauseMs = 100;

/**
 * Keeps one model process alive. It is started again after a crash, at once at first, then with growing pauses; after
 * three crashes in a minute only every 30 s, and the fault is reported. One that was killed for a long run is started
 * again at once, however often.
 */
export class ModelProcess {
  readonly #options: ModelProcessOptions;
  readonly #stopping = new AbortController();
  #child: ModelChild | undefined;
  #ready = false;
  #crashes: number[] = [];
  /** This life was ended by us, for a run that took too long: the request's fault, so no crash. */
  #overran = false;
  #loop: Promise<void> | undefined;

  constructor(options: ModelProcessOptions) {
    this.#options = options;
  }

  get ready(): boolean {
    return this.#ready && (this.#child?.alive ?? false);
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  start(): void {
    this.#loop ??= this.#keepAlive();
  }

  /** Rejects with RequestError `ModelCrashed` where the process dies before it answers. Only while `ready`, one at a time. */
  run(requests: readonly RunRequest[], onSent: () => void): Promise<RunOutcome> {
    if (!this.#child) throw new Error('run() needs a ready process');
    return this.#child.run(requests, onSent);
  }

  /** Ends a run that takes too long, with its process; another is started. */
  kill(): void {
    if (!this.#child) return;
    this.#overran = true;
    this.#child.kill();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.kill();
    await this.#loop;
  }

  #stopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #keepAlive(): Promise<void> {
    while (!this.#stopped()) {
      if (!(await exists(this.#options.load.modelPath).catch(() => true))) {
        if (this.#stopped()) return;
        this.#options.log.warn('the files of the model are gone; getting them again');
        this.#options.events.gone();
        return;
      }
      const fault = await this.#live();
      if (this.#stopped()) return;
      if (fault && !fault.retrying) {
        this.#options.events.failed(fault);
        return;
      }
      if (this.#overran && !fault) {
        this.#options.events.down(undefined);
        continue;
      }
      const { pauseMs, broken } = this.#recordCrash();
      this.#options.events.down(fault ?? (broken ? crashFault(this.#crashes.length) : undefined));
      await sleep(pauseMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
    }
  }

  /** One life. Resolves when it is over: with a fault where loading said why. */
  async #live(): Promise<Fault | undefined> {
    const { spawn, load, loadTimeoutMs, memoryKills, now, log, events } = this.#options;
    const begin = now();
    const killsBefore = memoryKills();
    this.#overran = false;
    events.phase('Loading');
    const child = attempt(spawn);
    if (child instanceof Error) {
      log.error({ err: child }, 'no model process could be started');
      return undefined;
    }
    this.#child = child;
    const timer = setTimeout(() => child.kill(), loadTimeoutMs);
    try {
      const loaded = await child.load(load, (phase) => events.phase(phase));
      clearTimeout(timer);
      this.#ready = true;
      events.ready(loaded, now() - begin);
      const cause = await child.exited;
      if (this.#stopped()) return undefined;
      log.error({ cause, overran: this.#overran }, 'the model process died');
      return memoryKills() > killsBefore ? memoryFault : undefined;
    } catch (error) {
      clearTimeout(timer);
      child.kill();
      const late = now() - begin >= loadTimeoutMs;
      const cause = await child.exited;
      if (error instanceof ModelFault) return error.fault;
      if (this.#stopped()) return undefined;
      log.error({ cause }, 'the model process died while it loaded the model');
      if (memoryKills() > killsBefore) return memoryFault;
      return late ? lateFault(loadTimeoutMs) : undefined;
    } finally {
      this.#ready = false;
      this.#child = undefined;
    }
  }

  #recordCrash(): { pauseMs: number; broken: boolean } {
    const { now, random } = this.#options;
    this.#crashes = [...this.#crashes.filter((at) => at > now() - crashWindowMs), now()];
    const broken = this.#crashes.length >= crashesBeforeBreak;
    const pauseMs = broken ? brokenPauseMs : this.#crashes.length === 1 ? 0 : firstPauseMs * 2 ** this.#crashes.length;
    return { pauseMs: pauseMs * (0.8 + 0.4 * random()), broken };
  }
}

/** Out of memory or of file descriptors, no process can be started for a while. */
function attempt<T>(work: () => T): T | Error {
  try {
    return work();
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

const crashFault = (crashes: number): Fault => ({
  reason: 'ModelCrashed',
  message: `The model process died ${crashes} times within a minute; see the pod's log. It is tried again every 30 s.`,
  retrying: true,
});

const memoryFault: Fault = {
  reason: 'OutOfMemory',
  message: 'The model process was killed for its memory; raise spec.resources.limits.memory. It is tried again.',
  retrying: true,
};

const lateFault = (timeoutMs: number): Fault => ({
  reason: 'LoadTimeout',
  message: `The model did not load within ${timeoutMs / 1000} s. It is tried again.`,
  retrying: true,
});
