import type { Slice } from '../layout.ts';
import { CoordinatorMemory } from './coordinator-memory.ts';
import type { SharedParameters } from './engine-messages.ts';
import type { PullEnd, ServerLink } from './server-link.ts';
import { VersionBuffer } from './version-buffer.ts';

/** A version that is being pulled, or was. */
interface Pull {
  buffer: VersionBuffer;
  version: number;
  /** Ends once the weights of all servers are here. */
  ended: Promise<PullEnd>;
  end: (how: PullEnd) => void;
  /** Ends once all that is mirrored is here, or will not come. */
  mirrored: Promise<unknown>;
}

/** A version whose memory stays as it is from the end of the pull until `release` is called, once. */
export interface Claim {
  ended: Promise<PullEnd>;
  parameters: SharedParameters;
  release: () => void;
}

/** The server that coordinates. */
const coordinator = 0;

/**
 * The versions of the parameters that a worker has: those that are claimed, and the one before until another one takes its
 * memory. Of servers that it mirrors it has the optimizer's slots too, so that they can be filled again.
 */
export class HeldVersions {
  readonly #slices: readonly Slice[];
  readonly #slots: number;
  readonly #links: readonly ServerLink[];
  readonly #buffers: VersionBuffer[] = [];
  readonly #memory = new CoordinatorMemory();
  /** Of this generation. */
  #pulls: Pull[] = [];
  #mirrors: ReadonlySet<number> = new Set();
  #generation = 0;
  #lastId = 0;

  /** @param slots vectors of the optimizer beside the weights */
  constructor(slices: readonly Slice[], slots: number, links: readonly ServerLink[]) {
    this.#slices = slices;
    this.#slots = slots;
    this.#links = links;
  }

  /** Ends all pulls of the generation before. What came stays, but only to fill servers with. */
  begin(generation: number): void {
    this.#generation = generation;
    for (const { buffer } of this.#pulls.splice(0)) buffer.abandon();
    for (const link of this.#links) link.begin(generation);
  }

  /**
   * Keeps the slots of these servers from now on, also of the versions at hand. What is here of other servers stays until its memory is needed: who
   * mirrors them now may begin with the next version.
   */
  mirror(servers: readonly number[]): void {
    const added = servers.filter((server) => !this.#mirrors.has(server));
    this.#mirrors = new Set(servers);
    for (const pull of this.#pulls) {
      pull.buffer.mirror(added);
      pull.mirrored = Promise.all([pull.mirrored, ...added.map((server) => this.#pullFrom(server, pull))]);
    }
  }

  /** Gets a version from all servers, unless that was done in this generation. */
  claim(version: number): Claim {
    const pull = this.#pulls.find((known) => known.version === version) ?? this.#pull(version);
    return { ...pull.buffer.use(), ended: pull.ended };
  }

  /** Resolves once what is mirrored of a claimed version is here, or will not come. */
  async mirrored(version: number): Promise<void> {
    await this.#pulls.find((pull) => pull.version === version)?.mirrored;
  }

  /** What servers can be filled with, the coordinator's states, and the newest version that any part is here of. */
  holdings(): { states: { server: number; version: number }[]; coordinator: number[]; newest: number } {
    const states = this.#links.flatMap((_, server) => {
      const whole = this.#buffers.filter((buffer) => buffer.vectorsOf(server) !== undefined);
      return [...new Set(whole.map(({ version }) => version))].map((version) => ({ server, version }));
    });
    const begun = this.#buffers.filter(({ isBegun }) => isBegun).map(({ version }) => version);
    return { states, coordinator: this.#memory.versions, newest: Math.max(0, ...begun) };
  }

  /** Gives a server its slice of a version that `holdings` named. */
  async fill(server: number, version: number): Promise<void> {
    const [vectors] = this.#buffers
      .filter((buffer) => buffer.version === version)
      .flatMap((buffer) => [buffer.vectorsOf(server) ?? []])
      .filter(({ length }) => length > 0);
    if (!vectors) throw new Error(`version ${version} of server ${server} is not here`);
    await this.#links[server]?.fill(version, vectors);
  }

  /** The coordinator's state at a version that `holdings` named, as the answer to `recall` has it. */
  recall(version: number): { losses: number; payload: Uint8Array } {
    return this.#memory.recall(version);
  }

  #pull(version: number): Pull {
    const buffer = this.#bufferFor(version);
    this.#lastId += 1;
    buffer.begin(version, this.#generation, this.#lastId, this.#mirrors);
    const { promise, resolve } = Promise.withResolvers<PullEnd>();
    const pull: Pull = { buffer, version, ended: promise, end: resolve, mirrored: Promise.resolve() };
    this.#pulls.push(pull);
    const ends = this.#links.map((_, server) => this.#pullFrom(server, pull));
    pull.mirrored = Promise.all(ends.filter((_, server) => this.#mirrors.has(server)));
    for (const end of ends) void end.then((how) => how === 'Gone' && this.#giveUp(pull));
    return pull;
  }

  async #pullFrom(server: number, pull: Pull): Promise<PullEnd> {
    const { buffer, version, end } = pull;
    const link = this.#links[server];
    if (!link) throw new RangeError(`there is no server ${server}`);
    const slots = this.#mirrors.has(server);
    const known = slots && server === coordinator ? this.#memory.known : undefined;
    const how = await link.pull(
      { version, slots, known },
      {
        // What comes late, such as slots of a version that is over, must not get into another one's memory.
        vector: (vector) =>
          this.#pulls.includes(pull) ? buffer.receive(server, vector, () => buffer.isPulled && end('Here')) : undefined,
        coordinator: (counts, payloadBytes) => this.#memory.receive(version, counts, payloadBytes),
        isComplete: () => buffer.isComplete(server),
      },
    );
    if (how === 'Dropped') end(how);
    return how;
  }

  /** One server has that version no more: what the others would send is of no use. */
  #giveUp(pull: Pull): void {
    if (!this.#pulls.includes(pull)) return;
    this.#pulls = this.#pulls.filter((other) => other !== pull);
    pull.buffer.abandon();
    for (const link of this.#links) link.giveUp(pull.version);
    pull.end('Gone');
  }

  /** Memory that held that version before, else that of the oldest one that nobody needs, else fresh. */
  #bufferFor(version: number): VersionBuffer {
    const free = this.#buffers.filter(({ isFree }) => isFree).sort((a, b) => a.version - b.version);
    const [buffer] = [...free.filter((candidate) => candidate.version === version), ...free];
    if (buffer) {
      this.#pulls = this.#pulls.filter((pull) => pull.buffer !== buffer);
      return buffer;
    }
    const fresh = new VersionBuffer(this.#slices, this.#slots);
    this.#buffers.push(fresh);
    return fresh;
  }
}
