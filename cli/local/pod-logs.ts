import { labels } from '../../operator/core/metadata.ts';
import type { KubeObject } from '../../operator/kube/object.ts';

/** What wrote a line: a pod, for an object that a person knows, such as a TrainingJob. */
export interface LogSource {
  namespace: string;
  owner: { kind: string; name: string };
  pod: string;
}

/** Lines of the pods that this names: of one pod, or of all pods of an object. Without a kind, of whatever has the name. */
export interface LogQuery {
  namespace: string;
  kind?: string;
  name: string;
}

export interface LogLine extends LogSource {
  text: string;
}

function matches({ namespace, kind, name }: LogQuery, line: LogSource): boolean {
  const isPod = line.pod === name && (kind === undefined || kind === 'Pod');
  const isOwner = line.owner.name === name && (kind === undefined || kind === line.owner.kind);
  return line.namespace === namespace && (isPod || isOwner);
}

/** The newest lines of the pods of each object, in order, and whoever follows them. */
export class PodLogs {
  readonly #capacity: number;
  readonly #rings = new Map<string, { order: number; line: LogLine }[]>();
  readonly #followers = new Set<(line: LogLine) => void>();
  #written = 0;

  /** @param capacity lines kept for each object */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  add(line: LogLine): void {
    const key = `${line.namespace}/${line.owner.kind}/${line.owner.name}`;
    const ring = this.#rings.get(key) ?? [];
    this.#rings.set(key, ring);
    ring.push({ order: ++this.#written, line });
    if (ring.length > this.#capacity) ring.shift();
    for (const follower of this.#followers) follower(line);
  }

  of(query: LogQuery): LogLine[] {
    return [...this.#rings.values()]
      .flat()
      .filter(({ line }) => matches(query, line))
      .sort((a, b) => a.order - b.order)
      .map(({ line }) => line);
  }

  /** Calls back for every line to come, until the returned function is called. */
  follow(query: LogQuery, onLine: (line: LogLine) => void): () => void {
    const follower = (line: LogLine): void => {
      if (matches(query, line)) onLine(line);
    };
    this.#followers.add(follower);
    return () => this.#followers.delete(follower);
  }
}

/** Whose lines a pod writes: its job's or its deployment's, or its own where it has neither. */
export function logSource({ metadata: { namespace = '', name: pod, labels: own = {} } }: KubeObject): LogSource {
  const [job, deployment] = [own[labels.job], own[labels.deployment]];
  if (job !== undefined) return { namespace, owner: { kind: 'TrainingJob', name: job }, pod };
  if (deployment !== undefined) return { namespace, owner: { kind: 'ModelDeployment', name: deployment }, pod };
  return { namespace, owner: { kind: 'Pod', name: pod }, pod };
}
