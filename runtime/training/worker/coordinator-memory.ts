import type { FromServer } from '../messages.ts';
import type { KnownRecord } from '../server/data-port.ts';
import { bytesOf, TransportError, type Reception } from '../transport/connection.ts';

/** Of as many versions as server 0 can be filled with. */
const keptVersions = 3;

const lineFeed = 10;

/** What came with a version: how much of what only grows, and where in it. */
export type RecordCounts = Pick<
  Extract<FromServer, { type: 'coordinator' }>,
  'lossesFrom' | 'losses' | 'evaluationsFrom' | 'evaluations'
>;

/**
 * What a mirror of server 0 keeps for it beside the parameters: the losses of all steps, lines about evaluations and, for each version, one about
 * all else. It does not read them.
 */
export class CoordinatorMemory {
  readonly #losses: number[] = [];
  readonly #evaluations: Uint8Array[] = [];
  readonly #states = new Map<number, { losses: number; evaluations: number; line: Uint8Array }>();

  /** How many losses and evaluations are known, from the first. */
  get known(): KnownRecord {
    return { losses: this.#losses.length, evaluations: this.#evaluations.length };
  }

  get versions(): number[] {
    return [...this.#states.keys()];
  }

  /** Takes the payload of a `coordinator` message. */
  receive(
    version: number,
    { lossesFrom, losses, evaluationsFrom, evaluations }: RecordCounts,
    payloadBytes: number,
  ): Reception {
    const lossBytes = losses * Float64Array.BYTES_PER_ELEMENT;
    const { known } = this;
    if (lossBytes > payloadBytes || lossesFrom > known.losses || evaluationsFrom > known.evaluations) {
      throw new TransportError('Protocol', `the state at version ${version} does not follow what is known`);
    }
    const into = new Uint8Array(payloadBytes);
    return {
      into,
      lost: () => undefined,
      done: () => {
        const lines = linesOf(into.subarray(lossBytes), evaluations);
        new Float64Array(into.buffer, 0, losses).forEach((loss, index) => (this.#losses[lossesFrom + index] = loss));
        lines.evaluations.forEach((line, index) => (this.#evaluations[evaluationsFrom + index] = line));
        this.#states.delete(version);
        this.#states.set(version, {
          losses: lossesFrom + losses,
          evaluations: evaluationsFrom + evaluations,
          line: lines.others,
        });
        for (const old of this.versions.slice(0, -keptVersions)) this.#states.delete(old);
      },
    };
  }

  /** The payload of `recalled`, and how many losses it begins with. */
  recall(version: number): { losses: number; payload: Uint8Array } {
    const state = this.#states.get(version);
    if (!state) throw new Error(`the coordinator's state at version ${version} is not here`);
    const losses = Float64Array.from(this.#losses.slice(0, state.losses));
    const payload = Buffer.concat([bytesOf(losses), ...this.#evaluations.slice(0, state.evaluations), state.line]);
    return { losses: state.losses, payload };
  }
}

/** Copies of the first lines, each with its end, and what follows them. */
function linesOf(text: Uint8Array, count: number): { evaluations: Uint8Array[]; others: Uint8Array } {
  const evaluations: Uint8Array[] = [];
  let from = 0;
  while (evaluations.length < count) {
    const end = text.indexOf(lineFeed, from) + 1;
    if (end === 0) throw new TransportError('Protocol', `${count} evaluations were to come, not ${evaluations.length}`);
    evaluations.push(text.slice(from, end));
    from = end;
  }
  return { evaluations, others: text.slice(from) };
}
