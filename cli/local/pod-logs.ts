/** The newest lines of each deployment's pods, and whoever follows them. */
export class PodLogs {
  readonly #capacity: number;
  readonly #lines = new Map<string, string[]>();
  readonly #followers = new Map<string, Set<(line: string) => void>>();

  /** @param capacity lines kept for each deployment */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  add(deployment: string, line: string): void {
    const lines = this.#lines.get(deployment) ?? [];
    this.#lines.set(deployment, lines);
    lines.push(line);
    if (lines.length > this.#capacity) lines.shift();
    for (const follower of this.#followers.get(deployment) ?? []) follower(line);
  }

  of(deployment: string): readonly string[] {
    return this.#lines.get(deployment) ?? [];
  }

  follow(deployment: string, onLine: (line: string) => void): () => void {
    const followers = this.#followers.get(deployment) ?? new Set();
    this.#followers.set(deployment, followers.add(onLine));
    return () => followers.delete(onLine);
  }
}
