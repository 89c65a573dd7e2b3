import type { Log } from '../../lib/log.ts';
import type { KubeClient } from './client.ts';
import { hasAborted, pause, type Clock } from './clock.ts';
import { FencedError, isAlreadyExists, isConflict, isNotFound, LeadershipLostError } from './errors.ts';
import type { KubeObject, ObjectRef } from './object.ts';

export interface LeaderOptions {
  /** With connections of its own, so that busy workers cannot starve a renewal. */
  client: KubeClient;
  namespace: string;
  /** Of the Lease. */
  name: string;
  /** Unique to this process, not only to this pod. */
  identity: string;
  clock: Clock;
  log: Log;
}

/** How long others respect a lease that is not renewed. */
export const leaseDurationMs = 15_000;
/** A leader that could not renew for this long writes no more. */
export const renewDeadlineMs = 10_000;
const retryPeriodMs = 2_000;

interface LeaseSpec {
  holderIdentity?: string;
  leaseDurationSeconds?: number;
  /** RFC 3339 with microseconds. */
  acquireTime?: string;
  renewTime?: string;
  leaseTransitions?: number;
}

const specOf = (lease: KubeObject): LeaseSpec => lease.spec ?? {};
const microTime = (date: Date): string => date.toISOString().replace('Z', '000Z');

/**
 * One leader among several processes, by a Lease.
 *
 * - A lease of another holder counts as free only when it was seen unchanged for its whole duration on our own clock; the times
 *   written in it are never compared.
 * - `check` refuses once the last renewal was sent more than the deadline ago, measured by a clock that goes on while the
 *   process stalls: a process that was frozen does not write when it thaws.
 */
export class Leader {
  readonly #options: LeaderOptions;
  readonly #ref: ObjectRef;
  /** The lease as we last wrote it; undefined unless we hold it. */
  #held: KubeObject | undefined;
  /** When the last renewal that succeeded was sent. */
  #renewedMs = Number.NEGATIVE_INFINITY;
  #seen: { version: string; atMs: number } | undefined;

  constructor(options: LeaderOptions) {
    this.#options = options;
    const { namespace, name } = options;
    this.#ref = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace, name };
  }

  /** Resolves once this process leads, or when `signal` aborts. Failures are tried again for ever. */
  async acquire(signal: AbortSignal): Promise<void> {
    const { clock, log, identity } = this.#options;
    while (!signal.aborted) {
      try {
        await this.#tryAcquire(signal);
        if (this.#held !== undefined) {
          log.info({ lease: this.#ref.name, identity }, 'this process leads');
          return;
        }
      } catch (error) {
        if (!hasAborted(signal) && !isConflict(error)) log.warn({ err: error }, 'cannot take the lease; trying again');
      }
      await pause(clock, retryPeriodMs * (1 + 0.2 * clock.random()), signal);
    }
  }

  /** Renews until `signal` aborts. @throws LeadershipLostError when the lease is lost, or may be */
  async hold(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    while (!signal.aborted) {
      await pause(clock, retryPeriodMs, signal);
      if (hasAborted(signal)) return;
      const call = new AbortController();
      const cancel = clock.after(Math.max(0, this.#renewedMs + renewDeadlineMs - clock.monotonicMs()), () =>
        call.abort(),
      );
      try {
        await this.#renew(call.signal);
      } catch (error) {
        if (error instanceof LeadershipLostError) throw error;
        log.warn({ err: error }, 'cannot renew the lease');
      } finally {
        cancel();
      }
      if (clock.monotonicMs() - this.#renewedMs >= renewDeadlineMs) {
        throw this.#lost(`the lease could not be renewed for ${renewDeadlineMs / 1000} s`);
      }
    }
  }

  /** @throws FencedError unless this process leads, and renewed lately enough to be sure of it */
  check(): void {
    const { clock } = this.#options;
    if (this.#held === undefined) throw new FencedError('this process does not lead');
    if (clock.monotonicMs() - this.#renewedMs >= renewDeadlineMs) {
      throw new FencedError('the lease was renewed too long ago to be sure of it');
    }
  }

  /** Lets the next one take over at once. Does nothing where the lease is not held. */
  async release(): Promise<void> {
    const { client, clock, log } = this.#options;
    const held = this.#held;
    this.#held = undefined;
    if (held === undefined) return;
    try {
      await client.replace({
        ...held,
        spec: { ...specOf(held), holderIdentity: '', leaseDurationSeconds: 1, renewTime: microTime(clock.now()) },
      });
    } catch (error) {
      log.warn({ err: error }, 'cannot release the lease; it expires by itself');
    }
  }

  async #tryAcquire(signal: AbortSignal): Promise<void> {
    const { client, clock, identity } = this.#options;
    const lease = await this.#read(signal);
    const sentMs = clock.monotonicMs();
    if (lease === undefined) {
      const { name, namespace } = this.#options;
      const { apiVersion, kind } = this.#ref;
      const created = {
        apiVersion,
        kind,
        metadata: { name, namespace },
        spec: this.#spec({ leaseTransitions: 0 }, true),
      };
      try {
        this.#took(await client.create(created, { signal }), sentMs);
      } catch (error) {
        if (!isAlreadyExists(error)) throw error;
      }
      return;
    }
    const spec = specOf(lease);
    if (spec.holderIdentity !== identity && !this.#isFree(lease)) return;
    const next = { ...lease, spec: this.#spec({ ...spec, leaseTransitions: (spec.leaseTransitions ?? 0) + 1 }, true) };
    this.#took(await client.replace(next, { signal }), sentMs);
  }

  async #renew(signal: AbortSignal): Promise<void> {
    const { client, clock, identity } = this.#options;
    const held = this.#held;
    if (held === undefined) throw this.#lost('the lease is not held');
    const sentMs = clock.monotonicMs();
    try {
      this.#took(await client.replace({ ...held, spec: this.#spec(specOf(held), false) }, { signal }), sentMs);
    } catch (error) {
      if (isNotFound(error)) throw this.#lost('the lease was deleted');
      if (!isConflict(error)) throw error;
      // Somebody touched it, which may have been an answer of our own that was lost.
      const lease = await this.#read(signal);
      if (lease === undefined || specOf(lease).holderIdentity !== identity)
        throw this.#lost('another process holds the lease');
      this.#held = lease;
    }
  }

  async #read(signal: AbortSignal): Promise<KubeObject | undefined> {
    try {
      return await this.#options.client.get(this.#ref, { signal });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  #isFree(lease: KubeObject): boolean {
    const { holderIdentity = '', leaseDurationSeconds } = specOf(lease);
    if (holderIdentity === '') return true;
    const nowMs = this.#options.clock.monotonicMs();
    const version = lease.metadata.resourceVersion ?? '';
    if (this.#seen?.version !== version) this.#seen = { version, atMs: nowMs };
    return nowMs - this.#seen.atMs >= (leaseDurationSeconds ?? leaseDurationMs / 1000) * 1000;
  }

  #spec(before: LeaseSpec, acquired: boolean): LeaseSpec {
    const time = microTime(this.#options.clock.now());
    return {
      ...before,
      holderIdentity: this.#options.identity,
      leaseDurationSeconds: leaseDurationMs / 1000,
      renewTime: time,
      ...(acquired ? { acquireTime: time } : {}),
    };
  }

  #took(lease: KubeObject, sentMs: number): void {
    this.#held = lease;
    this.#renewedMs = sentMs;
  }

  #lost(why: string): LeadershipLostError {
    this.#held = undefined;
    return new LeadershipLostError(`leadership is lost: ${why}`);
  }
}

/** The same client, with `check` before every write: nothing is sent when it throws. */
export function fenced(client: KubeClient, check: () => void): KubeClient {
  const guarded =
    <Arguments extends unknown[], Result>(write: (...values: Arguments) => Promise<Result>) =>
    async (...values: Arguments): Promise<Result> => {
      check();
      return write(...values);
    };
  return {
    get: (ref, options) => client.get(ref, options),
    list: (kind, options) => client.list(kind, options),
    watch: (kind, options) => client.watch(kind, options),
    apply: guarded((object, options) => client.apply(object, options)),
    create: guarded((object, options) => client.create(object, options)),
    replace: guarded((object, options) => client.replace(object, options)),
    applyStatus: guarded((object, options) => client.applyStatus(object, options)),
    remove: guarded((ref, options) => client.remove(ref, options)),
  };
}
