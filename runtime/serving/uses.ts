/** Work of several requests of the same model, such as explanations: how much of it goes on. */
export class Uses {
  #count = 0;
  #onNone: (() => void)[] = [];

  get count(): number {
    return this.#count;
  }

  async during<T>(work: () => Promise<T>): Promise<T> {
    this.#count += 1;
    try {
      return await work();
    } finally {
      this.#count -= 1;
      if (this.#count === 0) for (const resolve of this.#onNone.splice(0)) resolve();
    }
  }

  /** Resolves when none goes on. */
  async none(): Promise<void> {
    if (this.#count > 0) await new Promise<void>((resolve) => this.#onNone.push(resolve));
  }
}
