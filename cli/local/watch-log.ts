import type { WatchEvent } from '../../operator/kube/client.ts';
import type { KubeObject } from '../../operator/kube/object.ts';

export interface Change {
  version: number;
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  object: KubeObject;
  /** As it was before: decides whether a watcher with a selector ever saw it. */
  previous?: KubeObject;
}

/** The changes of one kind, in order. Only the newest `capacity` are kept: a watch from before them is too old. */
export class WatchLog {
  readonly #capacity: number;
  #changes: Change[] = [];
  /** The newest version that was dropped. */
  #compacted = 0;
  readonly #listeners = new Set<() => void>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  add(change: Change): void {
    this.#changes.push(change);
    if (this.#changes.length > this.#capacity) this.#compacted = this.#changes.shift()?.version ?? this.#compacted;
    for (const listener of [...this.#listeners]) listener();
  }

  /** Forgets everything, so that every watch must list again. */
  compact(): void {
    this.#compacted = this.#changes.at(-1)?.version ?? this.#compacted;
    this.#changes = [];
    for (const listener of [...this.#listeners]) listener();
  }

  /** The changes after `version`; undefined: some of them are forgotten. */
  after(version: number): Change[] | undefined {
    if (version < this.#compacted) return undefined;
    return this.#changes.filter((change) => change.version > version);
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** What a watcher that sees only `visible` objects is told of a change; undefined: nothing. */
export function eventFor(change: Change, visible: (object: KubeObject) => boolean): WatchEvent | undefined {
  const before = change.type !== 'ADDED' && change.previous !== undefined && visible(change.previous);
  const now = change.type !== 'DELETED' && visible(change.object);
  if (!before && !now) return undefined;
  if (!now) return { type: 'DELETED', object: change.object };
  return { type: before ? 'MODIFIED' : 'ADDED', object: change.object };
}
