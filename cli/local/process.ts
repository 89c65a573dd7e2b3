import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import type { PodGuard } from './pod-guard.ts';

export interface Exit {
  /** As a container reports it: 128 + the signal's number where a signal ended it. */
  exitCode: number;
  signal?: number;
}

export interface ProcessOptions {
  command: string[];
  cwd: string;
  env: Record<string, string>;
  guard: PodGuard;
  onLine: (line: string) => void;
}

const signalNumbers: Partial<Record<NodeJS.Signals, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGTERM: 15,
};

/** How much of the last output a termination message may hold, as in Kubernetes. */
const tailLines = 80;
const tailBytes = 2048;

/** How long after its end the output of a process may still arrive. */
const flushMs = 1_000;

/** A child process with a process group of its own, so that nothing it started outlives it. */
export class PodProcess {
  /** Resolves once the process is gone and its output has been read. */
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #tail: string[] = [];
  #killAtMs = Infinity;
  #killTimer: NodeJS.Timeout | undefined;

  constructor({ command, cwd, env, guard, onLine }: ProcessOptions) {
    const [file = process.execPath, ...args] = command;
    this.#child = spawn(file, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    const { pid } = this.#child;
    if (pid !== undefined) guard.watch(pid);
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on('line', (line) => {
        this.#tail.push(line);
        if (this.#tail.length > tailLines) this.#tail.shift();
        onLine(line);
      });
    }
    this.exited = new Promise((resolve) => {
      this.#child.once('error', (error) => {
        this.#tail.push(error.message);
        resolve({ exitCode: 127 });
      });
      this.#child.once('exit', (code, name) => {
        this.#killGroup();
        clearTimeout(this.#killTimer);
        if (pid !== undefined) guard.release(pid);
        const signal = name === null ? undefined : (signalNumbers[name] ?? 0);
        const exit = signal === undefined ? { exitCode: code ?? 1 } : { exitCode: 128 + signal, signal };
        const flushed = Promise.race([once(this.#child, 'close'), delay(flushMs, undefined, { ref: false })]);
        void flushed.then(() => resolve(exit));
      });
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** The end of what the process wrote: its termination message where it left no other. */
  get lastOutput(): string {
    return this.#tail.join('\n').slice(-tailBytes);
  }

  /** Asks it to stop, once; after `graceMs` it is killed. A later call can only shorten that. */
  stop(graceMs: number): void {
    const atMs = performance.now() + graceMs;
    if (this.#killAtMs === Infinity && graceMs > 0) this.#child.kill('SIGTERM');
    if (atMs >= this.#killAtMs) return;
    this.#killAtMs = atMs;
    clearTimeout(this.#killTimer);
    if (graceMs > 0) this.#killTimer = setTimeout(() => this.#killGroup(), graceMs);
    else this.#killGroup();
  }

  #killGroup(): void {
    if (this.#child.pid === undefined) return;
    try {
      process.kill(-this.#child.pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}
