import { TrainingFailure } from '../../errors.ts';
import { KernelMemory } from '../kernel-memory.ts';
import { maxKernelBytes } from '../kernels.ts';
import { reserveShared, type SharedMemory } from '../webassembly.ts';
import type { SharedVector, VectorPlace } from './engine-messages.ts';

/** Memory that all threads of an engine see: that of the kernels, as long as there is room, and more where there is none. */
export class EngineMemory {
  readonly kernels: SharedMemory = reserveShared(maxKernelBytes);
  readonly #blocks = new KernelMemory(this.kernels.buffer.byteLength);
  #lastId = 0;

  /** Zeros, and where threads find them. */
  allocate(length: number): { vector: SharedVector; place: VectorPlace } {
    this.#lastId += 1;
    const id = this.#lastId;
    const { buffer } = this.kernels;
    const block = this.#take(length * Float32Array.BYTES_PER_ELEMENT);
    if (!block) {
      const values = new Float32Array(new SharedArrayBuffer(length * Float32Array.BYTES_PER_ELEMENT));
      return { vector: { id, values }, place: { values } };
    }
    const { offset, stale } = block;
    new Uint8Array(buffer, offset, stale).fill(0);
    return { vector: { id, values: new Float32Array(buffer, offset, length) }, place: { offset, length } };
  }

  free({ values }: SharedVector): void {
    if (values.buffer === this.kernels.buffer) this.#blocks.giveBack(values.byteOffset);
  }

  #take(bytes: number): ReturnType<KernelMemory['take']> | undefined {
    try {
      return this.#blocks.take(bytes);
    } catch (error) {
      if (error instanceof TrainingFailure) return undefined;
      throw error;
    }
  }
}
