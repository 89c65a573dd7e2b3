import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { RecordCutter } from '../../../../runtime/training/data/record-cutter.ts';

/** Rows as csv has them: plain cells may hold quotes behind their first character, quoted ones anything. */
const plain = fc
  .array(fc.constantFrom('a', ' ', '"'), { maxLength: 4 })
  .map((parts) => parts.join('').replace(/^"+/, ''));
const quoted = fc
  .array(fc.constantFrom('a', ',', '\n', '"', '\r\n'), { maxLength: 6 })
  .map((parts) => `"${parts.join('').replaceAll('"', '""')}"`);
const row = fc.array(fc.oneof(plain, quoted), { minLength: 1, maxLength: 4 }).map((cells) => `${cells.join(',')}\n`);

/** What the cutter returned for each part, and what waited behind it. */
function cut(text: string, sizes: readonly number[]): { returned: string[]; waiting: number[]; rest: string } {
  const cutter = new RecordCutter();
  const [returned, waiting]: [string[], number[]] = [[], []];
  for (let from = 0, i = 0; from < text.length; i++) {
    const to = from + (sizes[i % sizes.length] ?? 1);
    returned.push(cutter.add(text.slice(from, to)));
    waiting.push(cutter.waiting);
    from = to;
  }
  return { returned, waiting, rest: cutter.rest() };
}

describe('text in parts of any size', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 5 });

  test('is returned whole, each time up to the end of the last whole row, and no further', () => {
    fc.assert(
      fc.property(fc.array(row, { maxLength: 12 }), sizes, (rows, parts) => {
        const text = rows.join('');
        const ends = rows.map((_, i) => rows.slice(0, i + 1).join('').length);
        const { returned, waiting, rest } = cut(text, parts);
        expect(returned.join('') + rest).toBe(text);
        expect(rest).toBe('');
        let [given, returnedLength] = [0, 0];
        for (const [i, part] of returned.entries()) {
          given = Math.min(text.length, given + (parts[i % parts.length] ?? 1));
          returnedLength += part.length;
          expect(returnedLength).toBe(ends.findLast((end) => end <= given) ?? 0);
          expect(waiting[i]).toBe(given - returnedLength);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test('keeps a last row that has no line break', () => {
    expect(cut('a,b\n1,"2\n', [3])).toMatchObject({ returned: ['', 'a,b\n', ''], rest: '1,"2\n' });
  });
});
