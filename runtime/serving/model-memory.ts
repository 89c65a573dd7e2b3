import type { Log } from '../../lib/log.ts';
import { ModelFault } from '../errors.ts';

/** A model that shares memory with others. */
export interface Tenant {
  readonly name: string;
  /** Bytes that its process holds now; undefined where it is gone. */
  measure(): Promise<number | undefined>;
  /** Whether requests wait for it or run in it. */
  isBusy(): boolean;
  /** Resolves when its memory is free. What runs in it runs to its end. */
  evict(): Promise<void>;
}

export interface ModelMemoryOptions {
  budgetBytes: number;
  /** Of a process that waits for the next model. */
  spareBytes: () => number;
  /** Milliseconds of a clock that never goes back. */
  now: () => number;
  log: Log;
  observe: { used(bytes: number): void; settled(): void; evicted(name: string): void };
}

interface Place {
  bytes: number;
  measuredAtMs: number;
  /** `loading` and `leaving` places are never chosen to be evicted. */
  state: 'loading' | 'settled' | 'leaving';
}

interface Applicant {
  tenant: Tenant;
  bytes: number;
  /** Nobody had to leave for it yet who is in use. */
  isPatient: boolean;
  admit: () => void;
  refuse: (fault: ModelFault) => void;
  timer: NodeJS.Timeout | undefined;
}

/** Between two measurements of what a tenant in use holds. */
const measureMs = 1_000;

/** How long a model waits for one to fall idle before one that is in use has to leave. */
const patienceMs = 250;

/**
 * Shares a budget of memory between models. What counts is what their processes were measured to hold; a model that is being loaded
 * counts as what is expected of it. Where a model has no room, the least recently used leave: those that are idle first, then, after
 * some patience, one in use, so that nobody waits for ever.
 */
export class ModelMemory {
  readonly #options: ModelMemoryOptions;
  /** The least recently used first. */
  readonly #places = new Map<Tenant, Place>();
  readonly #applicants: Applicant[] = [];

  constructor(options: ModelMemoryOptions) {
    this.#options = options;
  }

  get usedBytes(): number {
    let sum = this.#options.spareBytes();
    for (const { bytes } of this.#places.values()) sum += bytes;
    return sum;
  }

  /** Resolves when there is room, which is then taken, or when the tenant was released meanwhile. Rejects with ModelFault where even an empty memory has no such room. */
  admit(tenant: Tenant, expectedBytes: number): Promise<void> {
    const { budgetBytes, spareBytes } = this.#options;
    if (expectedBytes + spareBytes() > budgetBytes)
      return Promise.reject(tooLarge(tenant, expectedBytes, budgetBytes, spareBytes()));
    return new Promise((admit, refuse) => {
      this.#applicants.push({ tenant, bytes: expectedBytes, isPatient: true, admit, refuse, timer: undefined });
      this.#advance();
    });
  }

  /** What to expect of a model that was never loaded: a process that has none, and its weights, twice while they are packed. */
  estimate(fileBytes: number): number {
    return this.#options.spareBytes() + 2 * fileBytes;
  }

  /** The tenant is loaded: from now on it counts as what it is measured to hold, and may have to leave. Resolves with that. */
  async settle(tenant: Tenant): Promise<number | undefined> {
    const place = this.#places.get(tenant);
    if (place?.state === 'loading') place.state = 'settled';
    this.#options.observe.settled();
    return this.#measure(tenant);
  }

  /** The tenant ran something, by which models grow: counts anew what it holds, now and then. */
  ran(tenant: Tenant): void {
    const place = this.#places.get(tenant);
    if (!place || this.#options.now() - place.measuredAtMs < measureMs) return;
    place.measuredAtMs = this.#options.now();
    void this.#measure(tenant);
  }

  async #measure(tenant: Tenant): Promise<number | undefined> {
    const bytes = await tenant.measure();
    const place = this.#places.get(tenant);
    if (!place || bytes === undefined) return undefined;
    place.bytes = bytes;
    this.#advance();
    return bytes;
  }

  /** The tenant is asked for. */
  touch(tenant: Tenant): void {
    const place = this.#places.get(tenant);
    if (!place) return;
    this.#places.delete(tenant);
    this.#places.set(tenant, place);
  }

  /** Whether the tenant was told to leave. */
  isLeaving(tenant: Tenant): boolean {
    return this.#places.get(tenant)?.state === 'leaving';
  }

  /** The tenant holds nothing any more, and wants nothing. */
  release(tenant: Tenant): void {
    this.#places.delete(tenant);
    const index = this.#applicants.findIndex((applicant) => applicant.tenant === tenant);
    if (index !== -1) {
      const [applicant] = this.#applicants.splice(index, 1);
      clearTimeout(applicant?.timer);
      applicant?.admit();
    }
    this.#advance();
  }

  /** Who came first goes first: a large model is not overtaken by small ones for ever. */
  #advance(): void {
    const { budgetBytes, observe } = this.#options;
    for (let first = this.#applicants[0]; first; first = this.#applicants[0]) {
      const isFitting = this.usedBytes + first.bytes <= budgetBytes;
      if (!isFitting && this.#places.size > 0) break;
      this.#applicants.shift();
      clearTimeout(first.timer);
      if (!isFitting) {
        // What a waiting process holds may have grown meanwhile.
        first.refuse(tooLarge(first.tenant, first.bytes, budgetBytes, this.#options.spareBytes()));
        continue;
      }
      this.#places.set(first.tenant, { bytes: first.bytes, measuredAtMs: this.#options.now(), state: 'loading' });
      first.admit();
    }
    observe.used(this.usedBytes);
    this.#makeRoom(this.#applicants[0]);
  }

  #makeRoom(applicant: Applicant | undefined): void {
    const { budgetBytes } = this.#options;
    let excess = this.usedBytes + (applicant?.bytes ?? 0) - budgetBytes;
    for (const { bytes, state } of this.#places.values()) if (state === 'leaving') excess -= bytes;
    const settled = [...this.#places].filter(([, { state }]) => state === 'settled');
    const [idle, busy] = [
      settled.filter(([tenant]) => !tenant.isBusy()),
      settled.filter(([tenant]) => tenant.isBusy()),
    ];
    // Beyond the budget everybody counts; for a newcomer those in use stay for a while.
    const isUrgent = this.usedBytes > budgetBytes || applicant?.isPatient === false;
    for (const [tenant, place] of isUrgent ? [...idle, ...busy] : idle) {
      if (excess <= 0) return;
      excess -= place.bytes;
      this.#evict(tenant, place);
    }
    if (excess <= 0 || !applicant?.isPatient) return;
    applicant.timer ??= setTimeout(() => {
      applicant.isPatient = false;
      this.#advance();
    }, patienceMs);
  }

  #evict(tenant: Tenant, place: Place): void {
    const { log, observe } = this.#options;
    place.state = 'leaving';
    observe.evicted(tenant.name);
    log.info({ model: tenant.name, bytes: place.bytes }, 'the model leaves memory for another');
    tenant
      .evict()
      .catch((error: unknown) => log.error({ err: error, model: tenant.name }, 'a model could not leave memory'));
  }
}

const mib = (bytes: number): string => `${Math.ceil(bytes / 1024 ** 2)} MiB`;

function tooLarge({ name }: Tenant, bytes: number, budgetBytes: number, spareBytes: number): ModelFault {
  const message =
    `The model ${JSON.stringify(name)} takes about ${mib(bytes)} of memory; the budget for all models is ${mib(budgetBytes)}, of which ` +
    `${mib(spareBytes)} keep a process ready. Raise spec.serving.memoryBudget and spec.resources.limits.memory.`;
  return new ModelFault({ reason: 'OutOfMemory', message, retrying: true });
}
