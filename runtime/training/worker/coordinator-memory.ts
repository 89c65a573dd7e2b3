import { bytesOf, TransportError, type Reception } from '../transport/connection.ts';

/** Of as many versions as server 0 can be filled with. */
const keptVersions = 3;

/** What a mirror of server 0 keeps for it beside the parameters: the losses of all steps, and for each version words that it does not read. */
export class CoordinatorMemory {
  readonly #losses: number[] = [];
  readonly #states = new Map<number, { losses: number; text: Uint8Array }>();

  /** How many losses are known, from step 0. */
  get losses(): number {
    return this.#losses.length;
  }

  get versions(): number[] {
    return [...this.#states.keys()];
  }

  /** Takes the payload of a `coordinator` message: float64 losses of the steps from `from` on, then JSON. */
  receive(version: number, from: number, count: number, payloadBytes: number): Reception {
    const lossBytes = count * Float64Array.BYTES_PER_ELEMENT;
    if (lossBytes > payloadBytes || from > this.#losses.length) {
      throw new TransportError('Protocol', `the state at version ${version} does not follow what is known`);
    }
    const into = new Uint8Array(payloadBytes);
    return {
      into,
      lost: () => undefined,
      done: () => {
        new Float64Array(into.buffer, 0, count).forEach((loss, index) => (this.#losses[from + index] = loss));
        this.#states.delete(version);
        this.#states.set(version, { losses: from + count, text: into.subarray(lossBytes) });
        for (const old of this.versions.slice(0, -keptVersions)) this.#states.delete(old);
      },
    };
  }

  /** The payload of `recalled`, and how many losses it begins with. */
  recall(version: number): { losses: number; payload: Uint8Array } {
    const state = this.#states.get(version);
    if (!state) throw new Error(`the coordinator's state at version ${version} is not here`);
    const losses = Float64Array.from(this.#losses.slice(0, state.losses));
    return { losses: state.losses, payload: Buffer.concat([bytesOf(losses), state.text]) };
  }
}
