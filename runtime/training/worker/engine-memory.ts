import { TrainingFailure } from '../../errors.ts';
import { KernelMemory } from '../kernel-memory.ts';
import { maxKernelBytes } from '../kernels.ts';
import { reserveShared, type SharedMemory } from '../../numeric/webassembly.ts';
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
    const values = this.#inKernels(length);
    if (values) return { vector: { id, values }, place: { offset: values.byteOffset, length } };
    const own = new Float32Array(new SharedArrayBuffer(length * Float32Array.BYTES_PER_ELEMENT));
    return { vector: { id, values: own }, place: { values: own } };
  }

  free({ values }: SharedVector): void {
    if (values.buffer === this.kernels.buffer) this.#blocks.giveBack(values.byteOffset);
  }

  #inKernels(length: number): Float32Array<SharedArrayBuffer> | undefined {
    try {
      return this.#blocks.zeros(this.kernels.buffer, length);
    } catch (error) {
      if (error instanceof TrainingFailure) return undefined;
      throw error;
    }
  }
}
