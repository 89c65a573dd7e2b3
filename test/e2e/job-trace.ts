import { hasAborted } from '../../operator/kube/clock.ts';
import { isGone } from '../../operator/kube/errors.ts';
import { HttpClient } from '../../operator/kube/http-client.ts';
import { connect } from '../../operator/kube/kube-config.ts';
import type { KubeObject, ResourceKind } from '../../operator/kube/object.ts';
import { podKind, trainingJobKind } from '../../operator/controllers/kinds.ts';
import type { Seen } from './truth.ts';

/** Watches the TrainingJobs and the pods of a namespace, past the operator. */
export class JobTrace {
  readonly #client: HttpClient;
  readonly #namespace: string;
  readonly #seen: Seen[] = [];
  readonly #stop = new AbortController();
  #running: Promise<unknown> = Promise.resolve();

  private constructor(client: HttpClient, namespace: string) {
    this.#client = client;
    this.#namespace = namespace;
  }

  static async start(kubeconfig: string, namespace: string): Promise<JobTrace> {
    const client = new HttpClient(await connect({ path: kubeconfig }), { fieldManager: 'trace' });
    const trace = new JobTrace(client, namespace);
    trace.#running = Promise.all([trainingJobKind, podKind].map((kind) => trace.#follow(kind)));
    return trace;
  }

  /** Everything so far, in the order in which it was stored. */
  seen(): Seen[] {
    return this.#seen.toSorted((a, b) => a.revision - b.revision);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.#client.close();
  }

  #note(object: KubeObject, gone: boolean): void {
    this.#seen.push({ object, gone, revision: Number(object.metadata.resourceVersion), atMs: performance.now() });
  }

  async #follow(kind: ResourceKind): Promise<void> {
    const { signal } = this.#stop;
    const namespace = this.#namespace;
    while (!hasAborted(signal)) {
      try {
        const { items, resourceVersion } = await this.#client.list(kind, { namespace, signal });
        for (const item of items) this.#note(item, false);
        for (let from = resourceVersion; !hasAborted(signal);) {
          const watch = this.#client.watch(kind, { namespace, resourceVersion: from, timeoutSeconds: 600, signal });
          for await (const { type, object } of watch) {
            from = object.metadata.resourceVersion ?? from;
            if (type !== 'BOOKMARK') this.#note(object, type === 'DELETED');
          }
        }
      } catch (error) {
        // A trace with a gap would tell untruths itself.
        if (!hasAborted(signal) || isGone(error)) throw error;
      }
    }
  }
}
