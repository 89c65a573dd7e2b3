import type { Slice } from '../layout.ts';
import { bytesOf, TransportError, type Reception } from '../transport/connection.ts';
import type { SharedVector, UpdateTask } from './engine-messages.ts';
import type { Engine } from './engine.ts';

/** One vector of a server's slice. `Kept` is from an older generation: good to fill a server with, but not pulled. */
interface Part {
  /** What it is a part of, and its first element there. */
  vector: SharedVector;
  from: number;
  values: Float32Array;
  state: 'Absent' | 'Kept' | 'Here';
}

/** Where vectors come from: the engine that computes with them. */
export type VectorMemory = Pick<Engine, 'allocate' | 'forget'>;

/** Where all vectors of a server's slice go that are computed here. Exactly one of `done` and `lost` is called, once. */
export interface Computation {
  into: UpdateTask['to'];
  done(): void;
  lost(): void;
}

/** Memory for one version at a time: the weights of all servers, and the optimizer's slots of those that are mirrored. */
export class VersionBuffer {
  readonly #memory: VectorMemory;
  readonly #weights: SharedVector;
  /** Of each server, by the number of the vector: 0 are the weights. */
  readonly #parts: Part[][];
  readonly #slots: number;
  /** Servers whose slots are to come into it too. */
  readonly #mirrored = new Set<number>();
  /** Servers whose slices are being computed. */
  readonly #computed = new Set<number>();
  /** Of what is in it. */
  #version = 0;
  /** Of what is to come into it. */
  #expected = 0;
  #generation = 0;
  #users = 0;
  #receiving = 0;

  /** @param slots vectors of the optimizer beside the weights */
  constructor(slices: readonly Slice[], slots: number, memory: VectorMemory) {
    this.#memory = memory;
    const weights = memory.allocate(slices.at(-1)?.to ?? 0);
    this.#weights = weights;
    this.#parts = slices.map(({ from, to }) => [
      { vector: weights, from, values: weights.values.subarray(from, to), state: 'Absent' },
    ]);
    this.#slots = slots;
  }

  /** Of what is in it; what was there stays until the first part of another version comes. */
  get version(): number {
    return this.#version;
  }

  /** In which it was asked for; 0: none that could still bring anything. */
  get generation(): number {
    return this.#generation;
  }

  /** Whether nobody reads it and nothing is being written to it. */
  get isFree(): boolean {
    return this.#users === 0 && this.#receiving === 0;
  }

  /** Whether the weights of all servers came since `begin`. */
  get isPulled(): boolean {
    return this.#version === this.#expected && this.#parts.every(([weights]) => weights?.state === 'Here');
  }

  /** Whether any part of the version is there. */
  get isBegun(): boolean {
    return this.#parts.some((parts) => parts.some(({ state }) => state !== 'Absent'));
  }

  /** This version is to come into it, with the slots of these servers. It must be free. */
  begin(version: number, generation: number, mirrored: Iterable<number>): void {
    for (const part of this.#parts.flat()) if (part.state === 'Here') part.state = 'Kept';
    this.#expected = version;
    this.#generation = generation;
    this.#mirrored.clear();
    this.mirror(mirrored);
  }

  /** Nothing is to come any more. */
  abandon(): void {
    this.#generation = 0;
  }

  /** The weights, which stay as they are until `release` is called, once. */
  use(): { parameters: SharedVector; release: () => void } {
    this.#users += 1;
    return { parameters: this.#weights, release: () => (this.#users -= 1) };
  }

  /** All vectors of a server's slice; undefined where one is missing. */
  vectorsOf(server: number): Float32Array[] | undefined {
    return this.#wholeOf(server)?.map(({ values }) => values);
  }

  /** The same, as an update reads them. */
  stateOf(server: number): UpdateTask['from'] | undefined {
    const parts = this.#wholeOf(server);
    return parts && stateOf(parts);
  }

  /** The slots of these servers are to come into it too. Those of others stay until another version comes: nobody else may have them yet. */
  mirror(servers: Iterable<number>): void {
    for (const server of servers) {
      this.#mirrored.add(server);
      const parts = this.#parts[server] ?? [];
      const length = parts[0]?.values.length ?? 0;
      while (parts.length < 1 + this.#slots) {
        const vector = this.#memory.allocate(length);
        parts.push({ vector, from: 0, values: vector.values, state: 'Absent' });
      }
    }
  }

  /** Whether the slots of that server are to come too. */
  isMirrored(server: number): boolean {
    return this.#mirrored.has(server);
  }

  /** Whether all of a server's slice that is to come came since `begin`. */
  isComplete(server: number): boolean {
    if (this.#version !== this.#expected) return false;
    const wanted = this.#parts[server]?.slice(0, this.#mirrored.has(server) ? undefined : 1) ?? [];
    return wanted.length > 0 && wanted.every(({ state }) => state === 'Here');
  }

  /** Where a vector of a server's slice goes; undefined where it is of no use. @param arrived called once it is there */
  receive(server: number, vector: number, arrived: () => void): Reception | undefined {
    if (vector > this.#slots) throw new TransportError('Protocol', `there is no vector ${vector} of a slice`);
    if (this.#version !== this.#expected) this.#forget();
    const part = this.#parts[server]?.[vector];
    if (!part || part.state === 'Here' || this.#computed.has(server)) return undefined;
    part.state = 'Absent';
    this.#receiving += 1;
    const generation = this.#generation;
    return {
      into: bytesOf(part.values),
      lost: () => (this.#receiving -= 1),
      done: () => {
        this.#receiving -= 1;
        part.state = this.#generation === generation ? 'Here' : 'Kept';
        arrived();
      },
    };
  }

  /** Where a server's slice goes that is computed; undefined where that is of no use. @param arrived called once it is there */
  compute(server: number, arrived: () => void): Computation | undefined {
    if (this.#version !== this.#expected) this.#forget();
    const parts = this.#parts[server] ?? [];
    const isWanted = parts.length === 1 + this.#slots && parts.every(({ state }) => state !== 'Here');
    if (!isWanted || this.#computed.has(server)) return undefined;
    for (const part of parts) part.state = 'Absent';
    this.#computed.add(server);
    this.#receiving += 1;
    const generation = this.#generation;
    const end = (state: Part['state']): void => {
      this.#receiving -= 1;
      this.#computed.delete(server);
      for (const part of parts) part.state = state;
    };
    return {
      into: stateOf(parts),
      lost: () => end('Absent'),
      done: () => {
        end(this.#generation === generation ? 'Here' : 'Kept');
        arrived();
      },
    };
  }

  #wholeOf(server: number): Part[] | undefined {
    const parts = this.#parts[server] ?? [];
    const isWhole = parts.length === 1 + this.#slots && parts.every(({ state }) => state !== 'Absent');
    return isWhole ? parts : undefined;
  }

  /** Another version begins to come: nothing of the one before is worth anything. */
  #forget(): void {
    this.#parts.forEach((parts, server) => {
      if (!this.#mirrored.has(server)) for (const { vector } of parts.splice(1)) this.#memory.forget(vector);
      for (const part of parts) part.state = 'Absent';
    });
    this.#version = this.#expected;
  }
}

function stateOf([weights, ...slots]: readonly Part[]): UpdateTask['from'] {
  if (!weights) throw new RangeError('a slice has no weights');
  return { weights, slots: [...slots] };
}
