import { adminPaths, ports } from '../../runtime/contract.ts';
import type { Pod } from '../core/objects.ts';
import { isReady } from '../core/pod-checks.ts';
import type { ReadStores, Source } from '../kube/definition.ts';
import { type Key, keyOf, type KubeObject } from '../kube/object.ts';
import { podKind } from './kinds.ts';

export interface ReportPollerOptions {
  fetch: typeof fetch;
  /** Milliseconds of a clock that only goes forward. */
  now: () => number;
  /** Resolves after so many milliseconds, and rejects or resolves at once when the signal aborts. */
  wait: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  /** Between two looks at a pod of which news is expected. */
  eagerMs?: number;
  /** For one answer, from the connection to the last byte. */
  timeoutMs?: number;
  /** Of one answer. */
  maxBytes?: number;
  /** Pods that are asked at the same time. */
  concurrency?: number;
}

/** What the pods of one kind report, and how they are found. */
export interface ReportKind<Report> {
  /** Undefined where it is no report, or not one of this pod. */
  parse(body: string, pod: KubeObject): Report | undefined;
  /** The object of ours that the pod works for; undefined where it is none of our making. */
  ownerOf(pod: KubeObject): Key | undefined;
  /** Another value is another life of the pod, which has said nothing yet. */
  lifeOf(pod: Pod): string;
  /**
   * How long after its last answer a pod is asked again; Infinity: not at all.
   *
   * @param eagerMs where news is expected
   * @param unready pods of this kind that are not ready
   */
  pauseMs(pod: Pod, report: Report | undefined, eagerMs: number, unready: number): number;
}

interface Entry<Report> {
  life: string;
  report?: Report;
  askedAt: number;
  failures: number;
}

/** After so many in a row a pod has nothing to say, and what it said is old. */
const maxFailures = 5;

const podOf = (object: KubeObject): Pod => object;

const urlOf = (ip: string): string => `http://${ip.includes(':') ? `[${ip}]` : ip}:${ports.admin}${adminPaths.report}`;

async function boundedText(response: Response, maxBytes: number): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  if (response.body === null) return '';
  for await (const chunk of response.body as ReadableStream<Uint8Array>) {
    size += chunk.byteLength;
    // Leaving the loop cancels the stream.
    if (size > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/**
 * Asks every pod of ours what it reports, and keeps the answers for `observe`. A pod is not trusted: what it says is
 * bounded in time and size and judged by a schema, and it can speak for no pod but itself.
 */
export class ReportPoller<Report> implements Source {
  readonly name = 'reports';
  readonly #kind: ReportKind<Report>;
  readonly #options: Required<ReportPollerOptions>;
  readonly #entries = new Map<Key, Entry<Report>>();
  /** Lives that were there when this began and have not been asked since; undefined before it began. */
  #unheard: Set<string> | undefined;

  constructor(kind: ReportKind<Report>, options: ReportPollerOptions) {
    this.#kind = kind;
    this.#options = {
      eagerMs: 2_000,
      timeoutMs: 2_000,
      maxBytes: 262_144,
      concurrency: 32,
      ...options,
    };
  }

  /** The last report of this life of a pod. */
  get(pod: KubeObject): Report | undefined {
    const entry = this.#entries.get(keyOf(pod));
    return entry?.life === this.#kind.lifeOf(pod) ? entry.report : undefined;
  }

  /** Whether a pod has told this operator nothing yet that it may have told another one before. */
  isUnheard(pod: KubeObject): boolean {
    return this.#unheard?.has(this.#kind.lifeOf(podOf(pod))) ?? true;
  }

  async run(stores: ReadStores, lookAgain: (key: Key) => void, signal: AbortSignal): Promise<void> {
    const { wait, now, eagerMs, concurrency } = this.#options;
    const asking = new Map<Key, Promise<void>>();
    try {
      while (!signal.aborted) {
        const pods = stores(podKind)
          .list()
          .filter((pod) => this.#kind.ownerOf(pod) !== undefined);
        this.#forget(pods);
        this.#unheard ??= this.#livesToAsk(pods);
        const unready = pods.filter((pod) => !isReady(podOf(pod))).length;
        const due = pods
          .filter((pod) => !asking.has(keyOf(pod)))
          .map((pod) => ({ pod, atMs: this.#dueAt(pod, unready) }))
          .filter(({ atMs }) => atMs <= now())
          .sort((a, b) => a.atMs - b.atMs);
        for (const { pod } of due.slice(0, Math.max(0, concurrency - asking.size))) {
          const key = keyOf(pod);
          const asked = this.#ask(pod, lookAgain, signal).finally(() => asking.delete(key));
          asking.set(key, asked);
        }
        await wait(eagerMs / 4, signal).catch((error: unknown) => {
          if (!signal.aborted) throw error;
        });
      }
    } finally {
      await Promise.allSettled(asking.values());
      this.#entries.clear();
      this.#unheard = undefined;
    }
  }

  #dueAt(object: KubeObject, unready: number): number {
    const pod = podOf(object);
    if (pod.status?.podIP === undefined) return Infinity;
    const entry = this.#entries.get(keyOf(object));
    const known = entry?.life === this.#kind.lifeOf(pod) ? entry : undefined;
    const pauseMs = this.#kind.pauseMs(pod, known?.report, this.#options.eagerMs, unready);
    if (known !== undefined) return known.askedAt + pauseMs;
    return pauseMs === Infinity ? Infinity : 0;
  }

  #livesToAsk(pods: readonly KubeObject[]): Set<string> {
    return new Set(pods.filter((pod) => this.#dueAt(pod, 0) < Infinity).map((pod) => this.#kind.lifeOf(podOf(pod))));
  }

  #forget(pods: readonly KubeObject[]): void {
    const present = new Set(pods.map(keyOf));
    for (const key of this.#entries.keys()) if (!present.has(key)) this.#entries.delete(key);
  }

  async #ask(pod: KubeObject, lookAgain: (key: Key) => void, signal: AbortSignal): Promise<void> {
    const { fetch: request, timeoutMs, maxBytes, now } = this.#options;
    const ip = podOf(pod).status?.podIP;
    const owner = this.#kind.ownerOf(pod);
    if (ip === undefined || owner === undefined) return;
    const before = this.get(pod);
    const life = this.#kind.lifeOf(pod);
    const known = this.#entries.get(keyOf(pod));
    const entry: Entry<Report> = {
      life,
      askedAt: now(),
      failures: known?.life === life ? known.failures : 0,
      ...(before === undefined ? {} : { report: before }),
    };
    this.#entries.set(keyOf(pod), entry);
    const body = await this.#answer(
      request(urlOf(ip), {
        redirect: 'error',
        signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      }),
      maxBytes,
    );
    const report = body === undefined ? undefined : this.#kind.parse(body, pod);
    if (report !== undefined) {
      entry.report = report;
      entry.failures = 0;
    } else {
      entry.failures += 1;
      if (entry.failures >= maxFailures) delete entry.report;
    }
    this.#unheard?.delete(life);
    if (JSON.stringify(before) !== JSON.stringify(entry.report)) lookAgain(owner);
  }

  /** A pod that does not answer, or not with a report, is the ordinary case of one that starts or ends. */
  async #answer(response: Promise<Response>, maxBytes: number): Promise<string | undefined> {
    try {
      const answer = await response;
      const body = await boundedText(answer, maxBytes);
      return answer.ok ? body : undefined;
    } catch {
      return undefined;
    }
  }
}
