import type { Kernels } from '../kernels.ts';
import type { Slice } from '../layout.ts';
import { rangesOf } from '../ranges.ts';
import { SumTree, type TreeNode } from '../sum-tree.ts';

/** A tree node's sum: the slice of its gradients and statistics, and its loss. */
export interface Contribution {
  values: Float32Array;
  loss: number;
  /** Who pushed all of it as one node. */
  by: object | undefined;
}

/** Buffers for contributions, as many as were ever needed at a time: of each step the same ones. */
export class ContributionPool {
  readonly #kernels: Kernels;
  readonly #length: number;
  readonly #free: Float32Array[] = [];

  constructor(kernels: Kernels, length: number) {
    this.#kernels = kernels;
    this.#length = length;
  }

  take(): Float32Array {
    return this.#free.pop() ?? this.#kernels.allocate(this.#length);
  }

  giveBack(values: Float32Array): void {
    this.#free.push(values);
  }

  /** Gives the memory back. Buffers that are out are not given back any more. */
  free(): void {
    for (const values of this.#free.splice(0)) this.#kernels.free(values);
  }
}

/** The contributions to one step, summed in the order of the tree. */
export class GradientSum {
  readonly step: number;
  readonly #pool: ContributionPool;
  readonly #tree: SumTree<Contribution>;
  #isTaken = false;

  constructor(step: number, leaves: number, kernels: Kernels, pool: ContributionPool) {
    this.step = step;
    this.#pool = pool;
    this.#tree = new SumTree(
      leaves,
      (target, source) => {
        kernels.add(target.values, source.values);
        target.loss += source.loss;
        target.by = undefined;
      },
      ({ values }) => pool.giveBack(values),
    );
  }

  /** The values belong to the sum from now on. False: there is no such node, and they do not. */
  put(node: TreeNode, contribution: Contribution): boolean {
    try {
      this.#tree.put(node, contribution);
      return true;
    } catch (error) {
      if (error instanceof RangeError) return false;
      throw error;
    }
  }

  /** Of the whole batch, once every leaf is there. */
  get whole(): Contribution | undefined {
    return this.#tree.root;
  }

  /** The same, which belongs to the caller from now on. */
  take(): Contribution {
    const { whole } = this;
    if (!whole) throw new Error(`leaves of step ${this.step} are missing`);
    this.#isTaken = true;
    return whole;
  }

  missing(): Slice[] {
    return rangesOf(this.#tree.missing());
  }

  /** Gives up what there is of it. */
  release(): void {
    if (this.#isTaken) return;
    for (const { values } of this.#tree.held()) this.#pool.giveBack(values.values);
  }
}
