import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/**
 * Sees to it that no pod outlives the session, however the session ends: a small process of its own holds the list of
 * process groups, and kills them when the pipe to the session closes.
 */
export class PodGuard {
  readonly #child: ChildProcess;

  constructor() {
    this.#child = spawn(process.execPath, [join(import.meta.dirname, 'pod-guard-main.ts')], {
      detached: true,
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    // Without its guard a session works as before, and ends its pods itself wherever it can.
    for (const source of [this.#child, this.#child.stdin]) source?.on('error', () => undefined);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  watch(processGroup: number): void {
    this.#child.stdin?.write(`+${processGroup}\n`);
  }

  release(processGroup: number): void {
    this.#child.stdin?.write(`-${processGroup}\n`);
  }

  /** Kills what is still on the list, and resolves once the guard is gone. */
  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null || this.#child.pid === undefined) return;
    const exited = once(this.#child, 'exit');
    this.#child.stdin?.end();
    await exited;
  }
}
