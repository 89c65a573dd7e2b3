import type { Slice } from './layout.ts';

/**
 * Sums in one fixed order, whoever adds and whenever: a binary tree over numbered leaves. A node of level l and index i covers
 * the leaves from i * 2^l to below (i + 1) * 2^l, as far as there are any. Its value is the value of its left half plus that of
 * its right half, or the left one alone where the right half has no leaves.
 */
export interface TreeNode {
  level: number;
  index: number;
}

export function leavesOf({ level, index }: TreeNode, leaves: number): Slice {
  const width = 2 ** level;
  return { from: Math.min(leaves, index * width), to: Math.min(leaves, (index + 1) * width) };
}

const rootLevel = (leaves: number): number => 32 - Math.clz32(leaves - 1);

/**
 * The fewest nodes that cover the leaves from `from` to below `to` and no others, from left to right. Of nodes that cover the
 * same leaves it is the highest.
 */
export function coverOf(from: number, to: number, leaves: number): TreeNode[] {
  const nodes: TreeNode[] = [];
  for (let at = from; at < to;) {
    let level = 0;
    while (level < rootLevel(leaves) && at % 2 ** (level + 1) === 0 && Math.min(leaves, at + 2 ** (level + 1)) <= to)
      level += 1;
    const node = { level, index: at / 2 ** level };
    nodes.push(node);
    at = leavesOf(node, leaves).to;
  }
  return nodes;
}

/** Takes nodes of one sum as they come, adds siblings as soon as both are there, and so ends at the root. */
export class SumTree<Values> {
  readonly #leaves: number;
  readonly #top: number;
  readonly #add: (target: Values, source: Values) => void;
  readonly #release: (values: Values) => void;
  /** Nodes whose leaves are disjoint, by number: the root is 1, the halves of n are 2n and 2n + 1. */
  readonly #held = new Map<number, Values>();

  /**
   * @param leaves from 1 to 2^30
   * @param add target += source
   * @param release takes values that the tree needs no more: those added to others and those that were there already
   */
  constructor(
    leaves: number,
    add: (target: Values, source: Values) => void,
    release: (values: Values) => void = () => undefined,
  ) {
    this.#leaves = leaves;
    this.#top = rootLevel(leaves);
    this.#add = add;
    this.#release = release;
  }

  /**
   * The values belong to the tree from now on.
   *
   * @returns false where all leaves of the node were covered already
   */
  put({ level, index }: TreeNode, values: Values): boolean {
    const { from, to } = leavesOf({ level, index }, this.#leaves);
    if (level < 0 || level > this.#top || index < 0 || from >= to)
      throw new RangeError(`no node ${level}/${index} in this tree`);
    let number = 2 ** (this.#top - level) + index;
    if (this.#covers(number)) {
      this.#release(values);
      return false;
    }
    this.#dropBelow(number);
    for (; number > 1; number = Math.floor(number / 2)) {
      const sibling = number % 2 === 0 ? number + 1 : number - 1;
      const other = this.#held.get(sibling);
      if (other !== undefined) {
        this.#held.delete(sibling);
        this.#add(values, other);
        this.#release(other);
      } else if (this.#hasLeaves(sibling)) break;
    }
    this.#held.set(number, values);
    return true;
  }

  /** The sum of all leaves, once they are there. */
  get root(): Values | undefined {
    return this.#held.get(1);
  }

  /** The fewest nodes that hold all there is, from left to right; the nodes that `coverOf` names for their leaves. */
  held(): { node: TreeNode; values: Values }[] {
    return [...this.#held]
      .map(([number, values]) => ({ node: this.#nodeOf(number), values }))
      .sort((a, b) => leavesOf(a.node, this.#leaves).from - leavesOf(b.node, this.#leaves).from);
  }

  /** Leaves that no node covers yet, in order. */
  missing(): number[] {
    const covered = this.held().map(({ node }) => leavesOf(node, this.#leaves));
    return Array.from({ length: this.#leaves }, (_, leaf) => leaf).filter(
      (leaf) => !covered.some(({ from, to }) => from <= leaf && leaf < to),
    );
  }

  #nodeOf(number: number): TreeNode {
    const depth = 31 - Math.clz32(number);
    return { level: this.#top - depth, index: number - 2 ** depth };
  }

  #hasLeaves(number: number): boolean {
    const { from, to } = leavesOf(this.#nodeOf(number), this.#leaves);
    return from < to;
  }

  #covers(number: number): boolean {
    for (let above = number; above >= 1; above = Math.floor(above / 2)) if (this.#held.has(above)) return true;
    return false;
  }

  #dropBelow(number: number): void {
    for (const [other, values] of this.#held) {
      let above = other;
      while (above > number) above = Math.floor(above / 2);
      if (above !== number) continue;
      this.#held.delete(other);
      this.#release(values);
    }
  }
}
