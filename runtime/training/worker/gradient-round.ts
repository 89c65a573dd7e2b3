import type { Rows } from '../data/dataset.ts';
import { leavesOf, type TreeNode } from '../sum-tree.ts';
import type { Contribution, GradientTask } from './engine-messages.ts';
import type { Engine } from './engine.ts';

/** What the leaves of a step have in common. */
export interface Round extends Omit<GradientTask, 'leaves'> {
  /** Of the whole tree. */
  leaves: number;
  rowsOf: (leaf: number) => Promise<Rows>;
}

/**
 * The highest level on which so many leaves can be shared out without a thread ending later than if each leaf were work of
 * its own. What lies below a node is summed where it is computed.
 */
export function pieceLevel(leaves: number, threads: number): number {
  const longest = (level: number): number =>
    Math.min(leaves, Math.ceil(Math.ceil(leaves / 2 ** level) / threads) * 2 ** level);
  let level = 0;
  while (2 ** level < leaves && longest(level + 1) === longest(0)) level += 1;
  return level;
}

/** The value of a node, in as many pieces of work as the level makes of it. */
export async function contributionOf(
  node: TreeNode,
  level: number,
  round: Round,
  engine: Pick<Engine, 'gradient' | 'add' | 'recycle'>,
): Promise<Contribution> {
  if (node.level > level) {
    const children = [0, 1].map((side) => ({ level: node.level - 1, index: 2 * node.index + side }));
    const [left, right] = children.map((child) =>
      isEmpty(child, round.leaves) ? undefined : contributionOf(child, level, round, engine),
    );
    const [first, second] = await bothOf(left, right, engine);
    if (first === undefined) throw new RangeError(`no node ${node.level}/${node.index} in this tree`);
    return second === undefined ? first : engine.add(first, second);
  }
  const { leaves: total, rowsOf, ...common } = round;
  const { from, to } = leavesOf(node, total);
  const shards = Array.from({ length: to - from }, (_, index) => from + index);
  const leaves = await Promise.all(shards.map(async (shard) => ({ shard, rows: await rowsOf(shard) })));
  return engine.gradient({ ...common, leaves });
}

type Half = Promise<Contribution> | undefined;

/** Where one half comes to nothing, the memory of the other one is given back. */
async function bothOf(left: Half, right: Half, engine: Pick<Engine, 'recycle'>): Promise<(Contribution | undefined)[]> {
  const settled = await Promise.allSettled([left, right]);
  const failed = settled.find(({ status }) => status === 'rejected');
  if (failed?.status !== 'rejected')
    return settled.map((half) => (half.status === 'fulfilled' ? half.value : undefined));
  for (const half of settled) if (half.status === 'fulfilled' && half.value) engine.recycle(half.value);
  throw failed.reason;
}

function isEmpty(node: TreeNode, leaves: number): boolean {
  const { from, to } = leavesOf(node, leaves);
  return from === to;
}
