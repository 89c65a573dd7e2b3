import type { ModelChild } from './model-child-handle.ts';
import { processBytes } from './process-memory.ts';

/** Of a process with ONNX Runtime and no model, until one was measured. */
const usualBytes = 64 * 1024 ** 2;

/**
 * Keeps one model process started that has no model yet. To start one takes several times as long as to load a small model into it, so a model
 * that comes back into memory does not wait for that.
 */
export class SpareChild {
  readonly #spawn: () => ModelChild;
  #spare: ModelChild | undefined;
  #bytes = usualBytes;
  #isStopped = false;

  constructor(spawn: () => ModelChild) {
    this.#spawn = spawn;
  }

  /** What a process that waits was last measured to hold, also while there is none. */
  get bytes(): number {
    return this.#bytes;
  }

  take(): ModelChild {
    const spare = this.#spare;
    this.#spare = undefined;
    return spare?.alive === true ? spare : this.#spawn();
  }

  /** Starts another where none waits. */
  renew(): void {
    if (this.#isStopped || this.#spare?.alive === true) return;
    try {
      this.#spare = this.#spawn();
    } catch {
      // Whoever needs a process next finds out why none can be started.
      return;
    }
    const spare = this.#spare;
    void spare.started.then(async () => {
      const bytes = spare.pid === undefined ? undefined : await processBytes(spare.pid);
      if (bytes !== undefined) this.#bytes = bytes;
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    const spare = this.#spare;
    spare?.kill();
    await spare?.exited;
  }
}
