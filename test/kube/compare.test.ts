import { describe, expect, test } from '@jest/globals';
import { contentHash, within } from '../../operator/kube/compare.ts';

describe('within', () => {
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
