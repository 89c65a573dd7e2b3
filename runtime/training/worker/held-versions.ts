import type { Slice } from '../layout.ts';
import { TransportError } from '../transport/connection.ts';
import { CoordinatorMemory } from './coordinator-memory.ts';
import type { SharedVector, UpdateTask } from './engine-messages.ts';
import type { Engine } from './engine.ts';
import { OwnGradient } from './own-gradient.ts';
import type { PullEnd, ServerLink } from './server-link.ts';
import { SliceReplay } from './slice-replay.ts';
import { VersionBuffer, type Computation } from './version-buffer.ts';

/** A version that is being pulled, or was. */
interface Pull {
  buffer: VersionBuffer;
  version: number;
  /** Ends once the weights of all servers are here. */
  ended: Promise<PullEnd>;
  end: (how: PullEnd) => void;
  /** Ends once all that is mirrored is here, or will not come. */
  mirrored: Promise<unknown>;
  /** Of servers whose slices are computed here, the version before being at hand. */
  replays: Map<number, SliceReplay>;
}

/** A version whose memory stays as it is from the end of the pull until `release` is called, once. */
export interface Claim {
  ended: Promise<PullEnd>;
  parameters: SharedVector;
  release: () => void;
}

export interface HeldVersionsOptions {
  /** Of each server. */
  slices: readonly Slice[];
  /** Elements of the flat vector, from the first, that follow their gradients. */
  trainable: number;
  /** Vectors of the optimizer beside the weights. */
  slots: number;
  links: readonly ServerLink[];
  engine: Pick<Engine, 'allocate' | 'forget' | 'update'>;
  failed: (error: unknown) => void;
}

/** The server that coordinates. */
const coordinator = 0;

/**
 * The versions of the parameters that a worker has: those that are claimed, and the one before until another one takes its
 * memory. Of servers that it mirrors it has the optimizer's slots too, so that they can be filled again. It gets those once, and computes them from
 * version to version as the server does: only the gradient is sent, and not even that where it is this worker's own.
 */
export class HeldVersions {
  readonly #options: HeldVersionsOptions;
  readonly #buffers: VersionBuffer[] = [];
  readonly #memory = new CoordinatorMemory();
  readonly #own = new OwnGradient();
  /** Memory for gradients of servers that are mirrored. */
  readonly #gradients = new Map<number, SharedVector[]>();
  /** Of this generation. */
  #pulls: Pull[] = [];
  #mirrors: ReadonlySet<number> = new Set();
  #generation = 0;

  constructor(options: HeldVersionsOptions) {
    this.#options = options;
  }

  /** Ends all pulls of the generation before. What came stays, but only to fill servers with. */
  begin(generation: number): void {
    this.#generation = generation;
    for (const { buffer } of this.#pulls.splice(0)) buffer.abandon();
    for (const link of this.#options.links) link.begin(generation);
  }

  /**
   * Keeps the slots of these servers from now on, also of the versions at hand. What is here of other servers stays until its memory is needed: who
   * mirrors them now may begin with the next version.
   */
  mirror(servers: readonly number[]): void {
    const added = servers.filter((server) => !this.#mirrors.has(server));
    this.#mirrors = new Set(servers);
    for (const [server, spares] of this.#gradients) {
      if (!this.#mirrors.has(server)) for (const vector of spares.splice(0)) this.#options.engine.forget(vector);
    }
    for (const pull of this.#pulls) {
      pull.buffer.mirror(added);
      pull.mirrored = Promise.all([pull.mirrored, ...added.map((server) => this.#ask(server, pull))]);
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

  /** Keeps the gradient of a whole batch that is pushed. Resolves once nobody needs it any more. */
  keep(step: number, gradient: SharedVector): Promise<void> {
    return this.#own.keep(step, gradient);
  }

  /** What servers can be filled with, the coordinator's states, and the newest version that any part is here of. */
  holdings(): { states: { server: number; version: number }[]; coordinator: number[]; newest: number } {
    const states = this.#options.links.flatMap((_, server) => {
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
    await this.#options.links[server]?.fill(version, vectors);
  }

  /** The coordinator's state at a version that `holdings` named, as the answer to `recall` has it. */
  recall(version: number): { losses: number; payload: Uint8Array } {
    return this.#memory.recall(version);
  }

  #pull(version: number): Pull {
    const buffer = this.#bufferFor(version);
    buffer.begin(version, this.#generation, this.#mirrors);
    const { promise, resolve } = Promise.withResolvers<PullEnd>();
    const replays = new Map<number, SliceReplay>();
    const pull: Pull = { buffer, version, ended: promise, end: resolve, mirrored: Promise.resolve(), replays };
    this.#pulls.push(pull);
    const ends = this.#options.links.map((_, server) =>
      this.#mirrors.has(server) ? this.#askOnBase(server, pull) : this.#ask(server, pull),
    );
    pull.mirrored = Promise.all(ends.filter((_, server) => this.#mirrors.has(server)));
    for (const end of ends) void end.then((how) => how === 'Gone' && this.#giveUp(pull));
    return pull;
  }

  /** Like `#ask`, once all is here that it can be computed from. */
  async #askOnBase(server: number, pull: Pull): Promise<PullEnd> {
    await this.#pulls.find(({ version }) => version === pull.version - 1)?.mirrored;
    if (!this.#pulls.includes(pull)) {
      pull.end('Dropped');
      return 'Dropped';
    }
    const base = this.#baseOf(server, pull.version);
    if (!base) return this.#ask(server, pull);
    const replay = this.#replayOf(server, pull, base);
    pull.replays.set(server, replay);
    const how = await this.#ask(server, pull);
    replay.end();
    return how;
  }

  #baseOf(server: number, version: number): { buffer: VersionBuffer; state: UpdateTask['from'] } | undefined {
    for (const buffer of this.#buffers) {
      const state = buffer.version === version - 1 ? buffer.stateOf(server) : undefined;
      if (state) return { buffer, state };
    }
    return undefined;
  }

  #replayOf(server: number, pull: Pull, base: { buffer: VersionBuffer; state: UpdateTask['from'] }): SliceReplay {
    const { slices, trainable, engine, failed } = this.#options;
    const slice = slices[server];
    if (!slice) throw new RangeError(`there is no server ${server}`);
    const spares = this.#gradients.get(server) ?? [];
    this.#gradients.set(server, spares);
    const { buffer, version } = pull;
    const target = (): Computation | undefined =>
      buffer.compute(server, () => {
        if (buffer.isPulled) pull.end('Here');
      });
    return new SliceReplay({
      version,
      slice,
      trainable,
      base,
      target,
      engine,
      own: this.#own,
      spares,
      failed: (error) => this.#pulls.includes(pull) && failed(error),
    });
  }

  async #ask(server: number, pull: Pull): Promise<PullEnd> {
    const { buffer, version, end, replays } = pull;
    const link = this.#options.links[server];
    if (!link) throw new RangeError(`there is no server ${server}`);
    const slots = buffer.isMirrored(server);
    const known = slots && server === coordinator ? this.#memory.known : undefined;
    // What comes late, such as slots of a version that is over, must not get into another one's memory.
    const isWanted = (): boolean => this.#pulls.includes(pull);
    const arrived = (): void => {
      if (buffer.isPulled) end('Here');
    };
    const how = await link.pull(
      { version, slots, hasBase: () => replays.get(server)?.isPossible ?? false, known },
      {
        vector: (vector) => {
          // The server sends all of it.
          replays.get(server)?.end();
          return isWanted() ? buffer.receive(server, vector, arrived) : undefined;
        },
        update: (update, made) => {
          const replay = replays.get(server);
          if (!replay) throw new TransportError('Protocol', `an update to version ${version} was not asked for`);
          return isWanted() ? replay.follow(update, made) : undefined;
        },
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
    for (const link of this.#options.links) link.giveUp(pull.version);
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
    const { slices, slots, engine } = this.#options;
    const fresh = new VersionBuffer(slices, slots, engine);
    this.#buffers.push(fresh);
    return fresh;
  }
}
