import { TrainingFailure } from '../errors.ts';

/** Every block begins at a multiple of this many bytes, a line of the processor's cache. */
const alignment = 64;

interface Block {
  from: number;
  to: number;
}

/** Which bytes of a memory are in use. First fit; neighbours that are free become one block. */
export class KernelMemory {
  readonly #free: Block[];
  readonly #used = new Map<number, Block>();
  readonly #size: number;
  #touched = 0;

  constructor(size: number) {
    this.#size = size;
    this.#free = [{ from: 0, to: size }];
  }

  /**
   * @returns the offset of the block, and how many of its first bytes were in use before
   * @throws TrainingFailure, `OutOfMemory`
   */
  take(bytes: number): { offset: number; stale: number } {
    const size = Math.max(1, Math.ceil(bytes / alignment)) * alignment;
    const index = this.#free.findIndex(({ from, to }) => to - from >= size);
    const block = this.#free[index];
    if (!block) throw outOfMemory(bytes, this.#size);
    const taken = { from: block.from, to: block.from + size };
    if (taken.to === block.to) this.#free.splice(index, 1);
    else block.from = taken.to;
    this.#used.set(taken.from, taken);
    const stale = Math.max(0, Math.min(bytes, this.#touched - taken.from));
    this.#touched = Math.max(this.#touched, taken.to);
    return { offset: taken.from, stale };
  }

  /**
   * All zero, in a block of that buffer, whose blocks these are.
   *
   * @throws TrainingFailure, `OutOfMemory`
   */
  zeros<Buffer extends ArrayBufferLike>(buffer: Buffer, length: number): Float32Array<Buffer> {
    const { offset, stale } = this.take(length * Float32Array.BYTES_PER_ELEMENT);
    new Uint8Array(buffer, offset, stale).fill(0);
    return new Float32Array(buffer, offset, length);
  }

  /** @param offset of a block that was taken and not given back */
  giveBack(offset: number): void {
    const block = this.#used.get(offset);
    if (!block) throw new Error(`no block is taken at ${offset}`);
    this.#used.delete(offset);
    const found = this.#free.findIndex(({ from }) => from > offset);
    const index = found === -1 ? this.#free.length : found;
    const [left, right] = [this.#free[index - 1], this.#free[index]];
    const joinsLeft = left?.to === block.from;
    const joinsRight = right?.from === block.to;
    const from = left && joinsLeft ? left.from : block.from;
    const to = right && joinsRight ? right.to : block.to;
    this.#free.splice(index - Number(joinsLeft), Number(joinsLeft) + Number(joinsRight), { from, to });
  }
}

const outOfMemory = (bytes: number, size: number): TrainingFailure =>
  new TrainingFailure({
    reason: 'OutOfMemory',
    message: `${bytes} more bytes of parameters do not fit into the ${size} bytes that one process can address; raise spec.parameterServers.replicas.`,
    retrying: true,
  });
