import { readdir } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import { datasets, sortedRows } from './datasets.ts';

const { folder, open, openPath } = datasets();

describe('a row is bad, and its column named, when', () => {
  test.each([
    ['a value is missing', '1,,0', 'row 2, column "b": is missing'],
    ['a value is blank', '1, ,0', 'row 2, column "b": is missing'],
    ['a value is text', '1,red,0', 'row 2, column "b": is no number ("red")'],
    ['a value is hexadecimal', '0x10,2,0', 'row 2, column "a": is no number ("0x10")'],
    ['a value has a comma for a point', '"1,5",2,0', 'row 2, column "a": is no number ("1,5")'],
    ['a value is not a number', 'NaN,2,0', 'row 2, column "a": is no number ("NaN")'],
    ['a value is infinite', '1,-Infinity,0', 'row 2, column "b": is not finite (-Infinity)'],
    ['a value is beyond 64 bits', '1e999,2,0', 'row 2, column "a": is not finite (Infinity)'],
    ['a value is beyond 32 bits', '1e39,2,0', 'row 2, column "a": is too large for 32 bits (1e+39)'],
    ['it has too few cells', '1,2', 'row 2: has 2 cells, but the header names 3 columns'],
    ['it has too many cells', '1,2,0,', 'row 2: has 4 cells, but the header names 3 columns'],
    ['the label is missing', '1,2,', 'row 2, column "label": is missing'],
    ['text is long', `${'y'.repeat(1000)},2,0`, `row 2, column "a": is no number ("${'y'.repeat(40)}…")`],
  ])('%s', async (_, row, problem) => {
    const content = `a,b,label\n1,2,0\n${row}\n3,4,1\n`;
    await expect(open('a.csv', content)).rejects.toMatchObject({
      code: 'BadRows',
      fault: { reason: 'BadRows', retrying: false },
      message: `1 of 3 rows cannot be used, and spec.train.data.maxBadRows is 0: correct them, or allow more. a.csv ${problem}.`,
    });
    const dataset = await open('a.csv', content, { data: { maxBadRows: 1 } });
    expect([dataset.rows, dataset.badRows]).toEqual([2, 1]);
    expect(await sortedRows(dataset)).toEqual([
      [1, 2, 0],
      [3, 4, 1],
    ]);
  });

  test.each([
    ['it is not JSON', '{"a": 1,', 'row 2: is not JSON'],
    ['it is no object', '[1, 2]', 'row 2: is no JSON object'],
    ['a key is missing', '{"label": 0}', 'row 2, column "a": is missing'],
    ['a value is null', '{"a": null, "label": 0}', 'row 2, column "a": is missing'],
    ['a value is an object', '{"a": {}, "label": 0}', 'row 2, column "a": is no number (an object)'],
    ['an array is shorter', '{"a": [1], "label": 0}', 'row 2, column "a": holds 1 number, not 2'],
    ['an array is longer', '{"a": [1, 2, 3], "label": 0}', 'row 2, column "a": holds 3 numbers, not 2'],
    ['there is no array', '{"a": 7, "label": 0}', 'row 2, column "a": holds 1 number, not 2'],
    ['a value in an array is missing', '{"a": [1, null], "label": 0}', 'row 2, column "a": is missing'],
    [
      'a value in an array is too large',
      '{"a": [1, 1e39], "label": 0}',
      'row 2, column "a": is too large for 32 bits (1e+39)',
    ],
    ['it has another key', '{"a": [1, 2], "label": 0, "z": 1}', 'row 2: has the key "z", which the first line has not'],
  ])('%s', async (_, row, problem) => {
    const content = `{"a": [1, 2], "label": 0}\n${row}\n{"a": [3, 4], "label": 1}\n`;
    await expect(open('a.jsonl', content)).rejects.toMatchObject({
      code: 'BadRows',
      message: expect.stringContaining(` a.jsonl ${problem}.`),
    });
    expect(await open('a.jsonl', content, { data: { maxBadRows: 1 } })).toMatchObject({ rows: 2, badRows: 1 });
  });

  test('bytes are not UTF-8, in jsonl', async () => {
    const content = Buffer.concat([Buffer.from('{"a": 1, "label": 0}\n{"a": "'), Buffer.of(0xff), Buffer.from('"}\n')]);
    await expect(open('a.jsonl', content)).rejects.toThrow('a.jsonl row 2: is not encoded as UTF-8.');
  });

  test('the scale takes a value beyond 32 bits', async () => {
    await expect(open('a.csv', 'a,label\n1e30,0\n1,1\n', { data: { scale: 1e20 } })).rejects.toThrow(
      'a.csv row 1, column "a": is too large for 32 bits (1e+30 times 100000000000000000000).',
    );
  });
});

describe('too many bad rows', () => {
  const bad = (count: number): string => `a,label\n1,0\n2,1\n${'x,0\n'.repeat(count)}`;

  test('are all counted where they are few', async () => {
    await expect(open('a.csv', bad(5), { data: { maxBadRows: 4 } })).rejects.toThrow(
      /^5 of 7 rows cannot be used, and spec.train.data.maxBadRows is 4: .*row 3, .*row 4, .*row 5, .*row 6, .*row 7, /,
    );
    expect((await open('a.csv', bad(5), { data: { maxBadRows: 5 } })).badRows).toBe(5);
  });

  test('are listed to the tenth, and read no further than needed', async () => {
    const refused = open('a.csv', bad(500), { data: { maxBadRows: 0 } });
    await expect(refused).rejects.toThrow(/^At least 10 rows cannot be used/);
    await expect(refused).rejects.toThrow(/row 12, column "a": is no number \("x"\)\.$/);
    await expect(open('a.csv', bad(500), { data: { maxBadRows: 20 } })).rejects.toThrow(/^At least 21 rows/);
  });

  test('name the file among several, and leave nothing in the work folder', async () => {
    const path = await folder({ 'a.csv': 'a,label\n1,0\n', 'b.csv': 'a,label\n1,\n' });
    const workFolder = await folder();
    await expect(openPath(path, { workFolder })).rejects.toThrow('b.csv row 1, column "label": is missing.');
    expect(await readdir(workFolder)).toEqual([]);
  });

  test('stay short, whatever is in them', async () => {
    const name = 'n'.repeat(5000);
    const content = `${name},label\n${`${'\u0000"\\'.repeat(2000).replaceAll('"', '""')},0\n`.repeat(20)}`;
    const error = await open('a.csv', content).catch((refused: unknown) => refused);
    expect(error).toMatchObject({ code: 'BadRows' });
    expect(String(error).length).toBeLessThan(4_000);
  });
});
