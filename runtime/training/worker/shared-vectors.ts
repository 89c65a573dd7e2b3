import type { VectorPlace } from './engine-messages.ts';

/** The vectors of an engine, as one of its threads sees them. Each is one and the same object until it is forgotten. */
export class SharedVectors {
  readonly #buffer: SharedArrayBuffer;
  readonly #vectors = new Map<number, Float32Array<SharedArrayBuffer>>();

  /** @param buffer of the kernels */
  constructor(buffer: SharedArrayBuffer) {
    this.#buffer = buffer;
  }

  add(id: number, place: VectorPlace): void {
    const isOwn = 'values' in place;
    this.#vectors.set(id, isOwn ? place.values : new Float32Array(this.#buffer, place.offset, place.length));
  }

  forget(id: number): void {
    this.#vectors.delete(id);
  }

  get(id: number): Float32Array<SharedArrayBuffer> {
    const values = this.#vectors.get(id);
    if (!values) throw new Error(`there is no vector ${id}`);
    return values;
  }
}
