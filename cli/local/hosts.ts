import { randomUUID } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { KubeObject } from '../../operator/kube/object.ts';
import { isOver, type PodSpec, type PodStatus } from './pod.ts';

/** The names that a cluster's DNS has for pods with a hostname and a subdomain, and their addresses. */
export function podHosts(pods: readonly KubeObject[]): Record<string, string> {
  const hosts: Record<string, string> = {};
  for (const pod of pods) {
    const { hostname, subdomain } = pod.spec as PodSpec;
    const { podIP } = (pod.status ?? {}) as Partial<PodStatus>;
    if (hostname === undefined || subdomain === undefined || podIP === undefined || isOver(pod)) continue;
    hosts[`${hostname}.${subdomain}.${pod.metadata.namespace ?? ''}.svc`] = podIP;
  }
  return hosts;
}

/** Keeps a file of JSON `{ [host]: address }`, always whole: each version replaces the one before in one step. */
export class HostsFile {
  readonly #path: string;
  #text = '';
  #written: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  /** Resolves once this version, or a newer one, is in place. Rejects where it cannot be written; the next call tries again. */
  write(hosts: Record<string, string>): Promise<void> {
    const text = JSON.stringify(hosts);
    if (text === this.#text) return this.#written;
    this.#text = text;
    this.#written = this.#written
      .catch(() => undefined)
      .then(() => this.#replace(text))
      .catch((error: unknown) => {
        if (this.#text === text) this.#text = '';
        throw error;
      });
    return this.#written;
  }

  async #replace(text: string): Promise<void> {
    if (text !== this.#text) return;
    const folder = dirname(this.#path);
    const draft = join(folder, `.hosts.${randomUUID()}`);
    await mkdir(folder, { recursive: true });
    await writeFile(draft, text);
    await rename(draft, this.#path);
  }
}
