import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Slice } from '../../../runtime/training/layout.ts';
import { coverOf, leavesOf, SumTree, type TreeNode } from '../../../runtime/training/sum-tree.ts';

type Values = Float32Array;

const add = (target: Values, source: Values): void => {
  for (const [index, value] of source.entries()) target[index] = (target[index] ?? 0) + value;
};

/** Values of such different sizes that every order of additions rounds to other bits. */
const leafValue = (leaf: number): Values =>
  Float32Array.from({ length: 4 }, (_, index) => Math.sin(leaf * 7.3 + index) * 10 ** ((leaf * 5 + index) % 9));

/** The definition, recursively. */
function valueOf({ level, index }: TreeNode, leaves: number): Values {
  if (level === 0) return leafValue(index);
  const left = valueOf({ level: level - 1, index: 2 * index }, leaves);
  const right = { level: level - 1, index: 2 * index + 1 };
  if (leavesOf(right, leaves).from < leavesOf(right, leaves).to) add(left, valueOf(right, leaves));
  return left;
}

const rootOf = (leaves: number): TreeNode => ({ level: Math.ceil(Math.log2(leaves)), index: 0 });
const bits = (values: Values | undefined): string => Buffer.from(values?.buffer ?? new ArrayBuffer(0)).toString('hex');

const leafCounts = fc.integer({ min: 1, max: 70 });
const ranges = leafCounts.chain((leaves) =>
  fc.tuple(fc.constant(leaves), fc.nat(leaves - 1), fc.nat(leaves - 1)).map(([, a, b]) => ({
    leaves,
    from: Math.min(a, b),
    to: Math.max(a, b) + 1,
  })),
);

/** Consecutive ranges that make up all leaves, in any order, some of them twice, also leaf by leaf. */
const arrivals = leafCounts.chain((leaves) => {
  const cuts = fc.uniqueArray(fc.nat(leaves), { maxLength: 8 });
  const split = cuts.map((inner): Slice[] => {
    const bounds = [...new Set([0, ...inner, leaves])].sort((a, b) => a - b);
    return bounds.slice(1).map((to, index) => ({ from: bounds[index] ?? 0, to }));
  });
  const single = Array.from({ length: leaves }, (_, leaf) => ({ from: leaf, to: leaf + 1 }));
  return split
    .chain((slices) => fc.tuple(fc.constant(slices), fc.shuffledSubarray([...slices, ...single])))
    .chain(([slices, extra]) => {
      const all = [...slices, ...extra].flatMap(({ from, to }) => coverOf(from, to, leaves));
      return fc.shuffledSubarray(all, { minLength: all.length }).map((nodes) => ({ leaves, nodes }));
    });
});

describe('a cover', () => {
  test('holds exactly the leaves it is for, from left to right', () => {
    fc.assert(
      fc.property(ranges, ({ leaves, from, to }) => {
        const covered = coverOf(from, to, leaves).flatMap((node) => {
          const slice = leavesOf(node, leaves);
          return Array.from({ length: slice.to - slice.from }, (_, index) => slice.from + index);
        });
        expect(covered).toEqual(Array.from({ length: to - from }, (_, index) => from + index));
      }),
    );
  });

  test('has the fewest nodes, for what is above each of them covers more than it may', () => {
    fc.assert(
      fc.property(ranges, ({ leaves, from, to }) => {
        for (const { level, index } of coverOf(from, to, leaves)) {
          const above = leavesOf({ level: level + 1, index: Math.floor(index / 2) }, leaves);
          expect(level === rootOf(leaves).level || above.from < from || above.to > to).toBe(true);
        }
      }),
    );
  });

  test('of all leaves is the root, and of none is empty', () => {
    for (const leaves of [1, 2, 3, 5, 8, 100]) {
      expect(coverOf(0, leaves, leaves)).toEqual([rootOf(leaves)]);
      expect(coverOf(0, 0, leaves)).toEqual([]);
    }
  });
});

describe('a sum tree', () => {
  test('comes to the same bits however the leaves are split, in whatever order they arrive, and however often', () => {
    fc.assert(
      fc.property(arrivals, ({ leaves, nodes }) => {
        const tree = new SumTree<Values>(leaves, add);
        for (const node of nodes) tree.put(node, valueOf(node, leaves));
        expect(bits(tree.root)).toBe(bits(valueOf(rootOf(leaves), leaves)));
        expect(tree.missing()).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  test('gives back every array but those it holds, each once', () => {
    fc.assert(
      fc.property(arrivals, fc.nat(100), ({ leaves, nodes }, percent) => {
        const released: Values[] = [];
        const tree = new SumTree<Values>(leaves, add, (values) => released.push(values));
        const given = nodes.slice(0, Math.ceil((nodes.length * percent) / 100)).map((node) => {
          const values = valueOf(node, leaves);
          tree.put(node, values);
          return values;
        });
        const held = tree.held().map(({ values }) => values);
        expect(new Set([...released, ...held])).toEqual(new Set(given));
        expect(released.length + held.length).toBe(given.length);
      }),
    );
  });

  test('holds the cover of what it has been given, with its sums', () => {
    fc.assert(
      fc.property(ranges, ({ leaves, from, to }) => {
        const tree = new SumTree<Values>(leaves, add);
        for (let leaf = to - 1; leaf >= from; leaf--) tree.put({ level: 0, index: leaf }, leafValue(leaf));
        expect(tree.held().map(({ node }) => node)).toEqual(coverOf(from, to, leaves));
        for (const { node, values } of tree.held()) expect(bits(values)).toBe(bits(valueOf(node, leaves)));
        expect(tree.missing()).toHaveLength(leaves - (to - from));
        expect(tree.root === undefined).toBe(to - from < leaves);
      }),
    );
  });

  test('drops a node that is there already, alone or within a larger one', () => {
    const tree = new SumTree<Values>(4, add);
    expect(tree.put({ level: 1, index: 0 }, leafValue(0))).toBe(true);
    expect(tree.put({ level: 0, index: 1 }, leafValue(1))).toBe(false);
    expect(tree.put({ level: 1, index: 0 }, leafValue(0))).toBe(false);
    expect(tree.missing()).toEqual([2, 3]);
  });

  test('lets a larger node take the place of its parts', () => {
    const tree = new SumTree<Values>(4, add);
    tree.put({ level: 0, index: 2 }, leafValue(2));
    expect(tree.put({ level: 2, index: 0 }, leafValue(9))).toBe(true);
    expect(tree.held()).toEqual([{ node: { level: 2, index: 0 }, values: leafValue(9) }]);
  });

  test.each([
    { level: 4, index: 0 },
    { level: 0, index: 5 },
    { level: 1, index: 3 },
    { level: -1, index: 0 },
    { level: 0, index: -1 },
  ])('refuses node $level/$index, which a tree of five leaves has not', (node) => {
    expect(() => new SumTree<Values>(5, add).put(node, leafValue(0))).toThrow(RangeError);
  });
});
