import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface Exit {
  /** As a container reports it: 128 + the signal's number where a signal ended it. */
  exitCode: number;
  signal?: number;
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

/** A child process with a process group of its own, so that nothing it started outlives it. */
export class PodProcess {
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #tail: string[] = [];

  constructor(command: string[], cwd: string, env: Record<string, string>, onLine: (line: string) => void) {
    const [file = process.execPath, ...args] = command;
    this.#child = spawn(file, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
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
        const signal = name === null ? undefined : (signalNumbers[name] ?? 0);
        resolve(signal === undefined ? { exitCode: code ?? 1 } : { exitCode: 128 + signal, signal });
      });
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** The end of what the process wrote: its termination message. */
  get lastOutput(): string {
    return this.#tail.join('\n').slice(-tailBytes);
  }

  /** Asks it to stop; after `graceMs` it is killed. Resolves once it is gone. */
  async stop(graceMs: number): Promise<Exit> {
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#killGroup(), graceMs);
    const exit = await this.exited;
    clearTimeout(timer);
    return exit;
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
