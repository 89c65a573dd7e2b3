/** Where several wait for each other. */
export class Meeting {
  readonly #begin: () => Promise<void>;
  readonly #held = Promise.withResolvers<undefined>();
  #absent: number;

  /** @param begin once all are there, before any of them goes on */
  constructor(members: number, begin: () => Promise<void>) {
    this.#absent = members;
    this.#begin = begin;
    // Those who wait for it hear of it.
    this.#held.promise.catch(() => undefined);
  }

  /** Resolves once all are there. */
  async arrive(): Promise<void> {
    this.leave();
    await this.#held.promise;
  }

  /** Nobody has to wait for this one. */
  leave(): void {
    this.#absent -= 1;
    if (this.#absent === 0) this.#begin().then(() => this.#held.resolve(undefined), this.#held.reject);
  }
}
