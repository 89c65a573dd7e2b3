import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { contentHash, within } from '../../operator/kube/compare.ts';

type Tree = string | number | Tree[] | { [field: string]: Tree };

/** Objects as we render them: maps, plain lists and lists of named elements, with nothing empty in them. */
const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4 },
    fc.string({ minLength: 1 }),
    fc.integer({ min: 1 }),
    fc.array(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 3 }),
    fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), tie('tree'), { minKeys: 1, noNullPrototype: true }),
    fc
      .array(
        tie('tree').map((value): Tree => ({ value })),
        { minLength: 1, maxLength: 3 },
      )
      .map((list): Tree => list.map((element, index) => ({ ...(element as object), name: `n${index}` }))),
  ),
}));

/** The same with a field more in every map. */
function grown(value: Tree): Tree {
  if (Array.isArray(value)) return value.map(grown);
  if (typeof value !== 'object') return value;
  return { ...Object.fromEntries(Object.entries(value).map(([field, part]) => [field, grown(part)])), theirs: 'x' };
}

/** Every tree that differs from this one in one leaf: another value, or none. */
function drifted(value: Tree): (Tree | undefined)[] {
  if (Array.isArray(value)) {
    return value.flatMap((part, index) =>
      drifted(part).map((other) => (other === undefined ? value.toSpliced(index, 1) : value.with(index, other))),
    );
  }
  if (typeof value !== 'object') return [undefined, `${value}!`];
  return Object.entries(value).flatMap(([field, part]) =>
    drifted(part).map((other) =>
      other === undefined
        ? Object.fromEntries(Object.entries(value).filter(([name]) => name !== field))
        : { ...value, [field]: other },
    ),
  );
}

describe('within', () => {
  test('whatever others add to maps does not count, and drift in any one leaf of ours does', () => {
    fc.assert(
      fc.property(tree, (desired) => {
        expect(within(desired, grown(desired))).toBe(true);
        for (const other of drifted(desired)) expect(within(desired, other)).toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  test.each([
    ['a default that the server added', { spec: { a: 1 } }, { spec: { a: 1, b: 2 } }],
    [
      'quantities written otherwise',
      { limits: { cpu: '1000m', memory: '1024Mi' } },
      { limits: { cpu: '1', memory: '1Gi' } },
    ],
    ['0.5 for 500m', { requests: { cpu: '0.5' } }, { requests: { cpu: '500m' } }],
    ['a number for a quantity', { limits: { cpu: 1 } }, { limits: { cpu: '1' } }],
    ['an empty map that is left out', { a: {}, b: [], c: '', d: false }, {}],
    ['defaults in list elements', { ports: [{ port: 80 }] }, { ports: [{ port: 80, protocol: 'TCP' }] }],
    ['an element that others added to a named list', { c: [{ name: 'a' }] }, { c: [{ name: 'x' }, { name: 'a' }] }],
  ])('takes for equal: %s', (_name, desired, observed) => {
    expect(within(desired, observed)).toBe(true);
  });

  test.each([
    ['another value', { a: 1 }, { a: 2 }],
    ['a missing field', { a: { b: 1 } }, { a: {} }],
    ['a missing element', { c: [{ name: 'a' }, { name: 'b' }] }, { c: [{ name: 'a' }] }],
    ['an additional element of a plain list', { args: ['a'] }, { args: ['a', 'b'] }],
    ['another order of a plain list', { args: ['a', 'b'] }, { args: ['b', 'a'] }],
    ['another quantity', { limits: { cpu: '1' } }, { limits: { cpu: '2' } }],
    ['texts that only look like quantities', { labels: { v: '1000m' } }, { labels: { v: '1' } }],
  ])('notices %s', (_name, desired, observed) => {
    expect(within(desired, observed)).toBe(false);
  });

  test('the hash depends on content, not on the order of fields', () => {
    expect(contentHash({ a: 1, b: { c: 2, d: undefined } })).toBe(contentHash({ b: { c: 2 }, a: 1 }));
    expect(contentHash({ a: 1 })).not.toBe(contentHash({ a: 2 }));
  });
});
