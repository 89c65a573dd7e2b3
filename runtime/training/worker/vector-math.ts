import type { OptimizerSpec } from '../../training-contract.ts';
import type { Arithmetic } from '../kernels.ts';
import { updateRule, type StateView, type UpdateRule } from '../update-rule.ts';
import type { UpdateTask } from './engine-messages.ts';
import type { SharedVectors } from './shared-vectors.ts';

/** Elements that are worked on at a time: all arrays of a piece fit into a core's cache. */
const pieceLength = 8_192;
/** A gradient, and the weights and up to two more vectors before and after. */
const arraysOfPiece = 7;

/** Elements of memory of the kernels that this needs. */
export const scratchLength = arraysOfPiece * pieceLength;

/**
 * The arithmetic of parameter servers over vectors of an engine: the same bits. Vectors that are not in the memory of the kernels are copied there,
 * piece by piece.
 */
export class VectorMath {
  readonly #kernels: Arithmetic;
  readonly #vectors: SharedVectors;
  readonly #rule: UpdateRule;
  readonly #scratch: Float32Array[];

  /** @param scratch in the memory of the kernels */
  constructor(kernels: Arithmetic, optimizer: OptimizerSpec, vectors: SharedVectors, scratch: Float32Array) {
    this.#kernels = kernels;
    this.#vectors = vectors;
    this.#rule = updateRule(kernels, optimizer);
    this.#scratch = Array.from({ length: arraysOfPiece }, (_, index) =>
      scratch.subarray(index * pieceLength, (index + 1) * pieceLength),
    );
  }

  /** target += source */
  add(targetId: number, sourceId: number): void {
    const [target, source] = [this.#vectors.get(targetId), this.#vectors.get(sourceId)];
    this.#inPieces({ reads: [source], changes: [target] }, target.length, ([term], [sum]) => {
      this.#kernels.add(present(sum), present(term));
    });
  }

  update({ from, gradient, to, length, trainable, at }: UpdateTask<number>): void {
    const arrays = ({ weights, slots }: UpdateTask<number>['to']): Float32Array[] =>
      [weights, ...slots].map((part) => this.#vectors.get(part.vector).subarray(part.from, part.from + length));
    const [before, after] = [arrays(from), arrays(to)];
    const sum = this.#vectors.get(gradient.vector).subarray(gradient.from, gradient.from + length);
    this.#inPieces({ reads: [sum, ...before], changes: after }, trainable, ([terms, ...source], target) => {
      this.#rule.apply(viewOf(source), present(terms), viewOf(target), at);
    });
    // What follows no gradient is replaced by it, and no rule remembers anything of it.
    for (const [index, array] of after.entries()) {
      const values = index === 0 ? sum : present(before[index]);
      array.subarray(trainable).set(values.subarray(trainable));
    }
  }

  /** Calls `work` with the arrays of each piece, in the memory of the kernels. */
  #inPieces(
    { reads, changes }: { reads: readonly Float32Array[]; changes: readonly Float32Array[] },
    length: number,
    work: (reads: Float32Array[], changes: Float32Array[]) => void,
  ): void {
    const places = [...reads, ...changes].map((array, index) =>
      array.buffer === this.#scratch[0]?.buffer ? undefined : this.#scratch[index],
    );
    const step = places.some(Boolean) ? pieceLength : length;
    for (let from = 0; from < length; from += step) {
      const to = Math.min(length, from + step);
      const arrays = [...reads, ...changes].map((array, index) => {
        const piece = array.subarray(from, to);
        const copy = places[index]?.subarray(0, piece.length);
        copy?.set(piece);
        return { piece, copy };
      });
      const local = arrays.map(({ piece, copy }) => copy ?? piece);
      work(local.slice(0, reads.length), local.slice(reads.length));
      for (const { piece, copy } of arrays.slice(reads.length)) if (copy) piece.set(copy);
    }
  }
}

const viewOf = ([weights, ...slots]: readonly Float32Array[]): StateView => ({
  weights: present(weights),
  slots: [...slots],
});

function present(array: Float32Array | undefined): Float32Array {
  if (!array) throw new RangeError('a version has other vectors than its rule');
  return array;
}
