import type { SharedVector } from './engine-messages.ts';

interface Kept {
  step: number;
  vector: SharedVector;
  readers: number;
  isReplaced: boolean;
  settle: () => void;
}

/** The gradient of a whole batch that this worker pushed last: what it mirrors can be made of it, and nothing has to be sent. */
export class OwnGradient {
  #newest: Kept | undefined;

  /** Takes the place of the one before. Resolves once another one took its place and nobody reads it any more. */
  keep(step: number, vector: SharedVector): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const before = this.#newest;
    this.#newest = { step, vector, readers: 0, isReplaced: false, settle: () => resolve(undefined) };
    if (before) {
      before.isReplaced = true;
      if (before.readers === 0) before.settle();
    }
    return promise;
  }

  /** To be given back by `release`, once. Undefined: it is not that step's. */
  use(step: number): { vector: SharedVector; release: () => void } | undefined {
    const kept = this.#newest;
    if (kept?.step !== step) return undefined;
    kept.readers += 1;
    const release = (): void => {
      kept.readers -= 1;
      if (kept.isReplaced && kept.readers === 0) kept.settle();
    };
    return { vector: kept.vector, release };
  }
}
