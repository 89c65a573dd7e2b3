import { adminPaths, ports, type ServingReport } from '../../runtime/contract.ts';
import { labels, managedBy, servingNames } from '../core/metadata.ts';
import type { Pod } from '../core/objects.ts';
import type { ReadStores, Source } from '../kube/definition.ts';
import { type Key, keyOf, type KubeObject } from '../kube/object.ts';
import { parseReport } from './report-schema.ts';
import { podKind } from './kinds.ts';

export interface ReportPollerOptions {
  fetch: typeof fetch;
  /** Milliseconds of a clock that only goes forward. */
  now: () => number;
  /** Resolves after so many milliseconds, and rejects or resolves at once when the signal aborts. */
  wait: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  /** Between two looks at a pod that loads. */
  loadingMs?: number;
  /** Between two looks at a pod that serves. */
  servingMs?: number;
  /** For one answer, from the connection to the last byte. */
  timeoutMs?: number;
  /** Of one answer. */
  maxBytes?: number;
  /** Pods that are asked at the same time. */
  concurrency?: number;
}

interface Entry {
  uid: string;
  report?: ServingReport;
  askedAt: number;
  failures: number;
}

/** After so many in a row a pod has nothing to say, and what it said is old. */
const maxFailures = 5;

const podOf = (object: KubeObject): Pod => object;

/** Labels can be put on anything; the owner and the network tell which pods the operator made. */
function isOurs(object: KubeObject): boolean {
  const { labels: own = {}, ownerReferences = [] } = object.metadata;
  const deployment = own[labels.deployment];
  if (deployment === undefined || own[labels.managedBy] !== managedBy) return false;
  const spec = object.spec as { hostNetwork?: boolean } | undefined;
  if (spec?.hostNetwork === true) return false;
  const prefix = `${servingNames(deployment).workload}-`;
  return ownerReferences.some(
    ({ kind, name, controller }) => controller === true && kind === 'ReplicaSet' && name.startsWith(prefix),
  );
}

const isReady = ({ status }: Pod): boolean =>
  status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') === true;

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
export class ReportPoller implements Source {
  readonly name = 'reports';
  readonly #options: Required<ReportPollerOptions>;
  readonly #entries = new Map<Key, Entry>();

  constructor(options: ReportPollerOptions) {
    this.#options = {
      loadingMs: 2_000,
      servingMs: 60_000,
      timeoutMs: 2_000,
      maxBytes: 262_144,
      concurrency: 32,
      ...options,
    };
  }

  /** The last report of this incarnation of a pod. */
  get(pod: KubeObject): ServingReport | undefined {
    const entry = this.#entries.get(keyOf(pod));
    return entry?.uid === pod.metadata.uid ? entry?.report : undefined;
  }

  async run(stores: ReadStores, lookAgain: (key: Key) => void, signal: AbortSignal): Promise<void> {
    const { wait, now, loadingMs, concurrency } = this.#options;
    const asking = new Map<Key, Promise<void>>();
    try {
      while (!signal.aborted) {
        const pods = stores(podKind).list().filter(isOurs);
        this.#forget(pods);
        const due = pods
          .filter((pod) => !asking.has(keyOf(pod)) && this.#dueAt(pod) <= now())
          .toSorted((a, b) => this.#dueAt(a) - this.#dueAt(b));
        for (const pod of due.slice(0, Math.max(0, concurrency - asking.size))) {
          const key = keyOf(pod);
          const asked = this.#ask(pod, lookAgain, signal).finally(() => asking.delete(key));
          asking.set(key, asked);
        }
        await wait(loadingMs / 4, signal).catch((error: unknown) => {
          if (!signal.aborted) throw error;
        });
      }
    } finally {
      await Promise.allSettled(asking.values());
      this.#entries.clear();
    }
  }

  #dueAt(object: KubeObject): number {
    const entry = this.#entries.get(keyOf(object));
    if (entry === undefined || entry.uid !== object.metadata.uid)
      return podOf(object).status?.podIP === undefined ? Infinity : 0;
    const serving = isReady(podOf(object)) && entry.report?.model.phase === 'Ready';
    return entry.askedAt + (serving ? this.#options.servingMs : this.#options.loadingMs);
  }

  #forget(pods: readonly KubeObject[]): void {
    const present = new Set(pods.map(keyOf));
    for (const key of this.#entries.keys()) if (!present.has(key)) this.#entries.delete(key);
  }

  async #ask(pod: KubeObject, lookAgain: (key: Key) => void, signal: AbortSignal): Promise<void> {
    const { fetch: request, timeoutMs, maxBytes, now } = this.#options;
    const ip = podOf(pod).status?.podIP;
    if (ip === undefined) return;
    const before = this.get(pod);
    const failures = this.#entries.get(keyOf(pod))?.failures ?? 0;
    const entry: Entry = {
      uid: pod.metadata.uid ?? '',
      askedAt: now(),
      failures,
      ...(before === undefined ? {} : { report: before }),
    };
    this.#entries.set(keyOf(pod), entry);
    const report = await this.#answer(
      request(urlOf(ip), {
        redirect: 'error',
        signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      }),
      maxBytes,
    );
    if (report?.podName === pod.metadata.name) {
      entry.report = report;
      entry.failures = 0;
    } else {
      entry.failures += 1;
      if (entry.failures >= maxFailures) delete entry.report;
    }
    if (JSON.stringify(before) === JSON.stringify(entry.report)) return;
    const { namespace } = pod.metadata;
    const name = pod.metadata.labels?.[labels.deployment] ?? '';
    lookAgain(keyOf({ metadata: { name, ...(namespace === undefined ? {} : { namespace }) } }));
  }

  /** A pod that does not answer, or not with a report, is the ordinary case of one that starts or ends. */
  async #answer(response: Promise<Response>, maxBytes: number): Promise<ServingReport | undefined> {
    try {
      const answer = await response;
      const body = await boundedText(answer, maxBytes);
      return answer.ok && body !== undefined ? parseReport(body) : undefined;
    } catch {
      return undefined;
    }
  }
}
