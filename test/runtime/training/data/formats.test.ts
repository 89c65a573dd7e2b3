import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { npy } from '../../../../runtime/training/data/npy.ts';
import { npz } from '../../../../runtime/training/data/npz.ts';
import { parquet } from '../../../../runtime/training/data/parquet.ts';
import { datasets, fixture, rowsIn, sortedRows } from './datasets.ts';
import { headerOf, npyFile, zipFile } from './numpy-files.ts';

const { folder, open, openPath } = datasets();

/** What fixtures/make.py writes, as float32: width, height, and the class of kind. */
const fiveRows = [
  [-2, 20, 0],
  [Math.fround(1e-3), 40, 0],
  [0.25, 30, 1],
  [1.5, 10, 2],
  [3e6, 50, 2],
].sort((a, b) => (a[0] ?? 0) - (b[0] ?? 0));

const csv = 'width,height,kind\n1.5,10,3\n-2,20,1\n0.25,30,2\n1e-3,40,1\n3e6,50,3\n';
const jsonl = csv
  .trim()
  .split('\n')
  .slice(1)
  .map((line) => {
    const [width, height, kind] = line.split(',').map(Number);
    return `${JSON.stringify({ width, height, kind })}\n`;
  })
  .join('');

describe('the same rows', () => {
  test.each([
    'rows.npz',
    'rows-deflated.npz',
    'rows-snappy.parquet',
    'rows-gzip.parquet',
    'rows-brotli.parquet',
    'rows-zstd.parquet',
    'rows-none.parquet',
    'rows-groups.parquet',
  ])('come out of %s, as NumPy and Arrow write it', async (name) => {
    const dataset = await openPath(fixture(name), { data: { label: 'kind' } });
    expect(await sortedRows(dataset)).toEqual(fiveRows);
    expect(dataset).toMatchObject({
      digest: 'sha256:given',
      rows: 5,
      badRows: 0,
      features: { name: 'features', dataType: 'FP32', shape: [-1, 2] },
      label: { kind: 'Classes', classes: 3 },
      classes: ['1', '2', '3'],
      split: { train: 5, validation: 0, test: 0 },
    });
  });

  test('come out of npy, whose columns are numbers', async () => {
    expect(await sortedRows(await openPath(fixture('rows.npy'), { data: { label: '2' } }))).toEqual(fiveRows);
  });

  test.each([
    ['rows.csv', csv],
    ['rows.CSV', csv.replaceAll('\n', '\r\n')],
    ['bom.csv', `\ufeff${csv}`],
    ['quoted.csv', csv.replaceAll(/[^,\n]+/g, '"$&"')],
    ['spaced.csv', csv.replaceAll(',', ' , ').replaceAll('\n', '\n\n')],
    ['endless.csv', csv.trimEnd()],
    ['rows.jsonl', jsonl],
    ['rows-endless.jsonl', jsonl.trimEnd()],
    ['rows-blank.jsonl', `\ufeff${jsonl.replaceAll('\n', '\r\n\r\n')}`],
  ])('come out of %s', async (name, content) => {
    const dataset = await open(name, content, { data: { label: 'kind' } });
    expect(await sortedRows(dataset)).toEqual(fiveRows);
    expect(dataset.classes).toEqual(['1', '2', '3']);
  });

  test('come in the same order out of every format', async () => {
    const orders = await Promise.all(
      ['rows.npz', 'rows-groups.parquet', 'rows-snappy.parquet'].map(async (name) =>
        rowsIn(await openPath(fixture(name), { data: { label: 'kind' } })),
      ),
    );
    const expected = await rowsIn(await open('rows.csv', csv, { data: { label: 'kind' } }));
    for (const order of orders) expect(order).toEqual(expected);
  });

  test('come out of a folder of several files in the order of their names, notes and other folders left aside', async () => {
    const [header, ...lines] = csv.trimEnd().split('\n');
    const path = await folder({
      'b.csv': [header, ...lines.slice(2)].join('\n'),
      'a.csv': [header, ...lines.slice(0, 2)].join('\n'),
      '_SUCCESS.csv': '',
      '.hidden.csv': '',
      'README.md': '',
      'more/c.csv': csv,
    });
    const expected = await rowsIn(await open('rows.csv', csv, { data: { label: 'kind' } }));
    expect(await rowsIn(await openPath(path, { data: { label: 'kind' } }))).toEqual(expected);
  });

  test('come out of files whose columns are in another order', async () => {
    const path = await folder({ 'a.csv': 'x,label\n1,0\n', 'b.csv': 'label,x\n1,2\n' });
    expect(await sortedRows(await openPath(path))).toEqual([
      [1, 0],
      [2, 1],
    ]);
  });

  test('are read from the disk as from memory', async () => {
    const held = await rowsIn(await open('rows.csv', csv, { data: { label: 'kind' } }));
    expect(await rowsIn(await open('rows.csv', csv, { data: { label: 'kind' }, memoryBytes: 0 }))).toEqual(held);
  });
});

describe('csv', () => {
  test('keeps commas, quotes and line breaks within quotes, and quotes within cells', async () => {
    const names = ['a,b', 'say "hi"', 'two\nlines', '5" pipe', 'plain'];
    const text = names.map((name, i) => `${i},${name.startsWith('5') ? name : `"${name.replaceAll('"', '""')}"`}\n`);
    const dataset = await open('quotes.csv', `x,label\n${text.join('')}`);
    expect(dataset.classes).toEqual([...names].sort());
    expect(dataset.rows).toBe(5);
  });

  test('is cut into parts anywhere without harm', async () => {
    const lines = Array.from(
      { length: 40_000 },
      (_, i) => `${i},"${i % 3 === 0 ? 'a ""quoted""\nname, split' : 'b'}"\n`,
    );
    const dataset = await open('long.csv', `x,label\n${lines.join('')}`, { memoryBytes: 1024 ** 3 });
    const rows = await sortedRows(dataset);
    expect(rows.length).toBe(40_000);
    expect(rows.every(([x, label], i) => x === i && label === (i % 3 === 0 ? 0 : 1))).toBe(true);
  });
});

describe('jsonl', () => {
  test('flattens arrays in order, however nested', async () => {
    const lines = [
      {
        label: 0,
        grid: [
          [1, 2],
          [3, 4],
        ],
        more: 5,
      },
      {
        label: 1,
        grid: [
          [6, 7],
          [8, 9],
        ],
        more: 10,
      },
    ].map((row) => `${JSON.stringify(row)}\n`);
    expect(await sortedRows(await open('a.jsonl', lines.join('')))).toEqual([
      [1, 2, 3, 4, 5, 0],
      [6, 7, 8, 9, 10, 1],
    ]);
  });

  test('takes names that every object has for missing where a line has them not', async () => {
    const content = '{"constructor": 1, "label": 0}\n{"label": 1}\n{"constructor": 2, "label": 1}\n';
    await expect(open('a.jsonl', content)).rejects.toThrow('a.jsonl row 2, column "constructor": is missing.');
  });
});

describe('npy and npz', () => {
  test.each([
    'b1',
    'i1',
    'u1',
    'little-i2',
    'big-i2',
    'little-u4',
    'big-i4',
    'little-i8',
    'big-u8',
    'little-f2',
    'big-f4',
    'little-f4',
    'little-f8',
    'big-f8',
  ])('hold elements of type %s', async (type) => {
    const dataset = await openPath(fixture(`type-${type}.npy`), { data: { label: '1' } });
    expect(await sortedRows(dataset)).toEqual([
      [0, 1],
      [1, 0],
      [1, 1],
    ]);
    expect(dataset.classes).toEqual(['0', '1']);
  });

  test('hold halves, from the smallest to the largest', async () => {
    const dataset = await openPath(fixture('halves.npy'), { data: { label: '1' } });
    expect(await sortedRows(dataset)).toEqual([
      [-65504, 1],
      [2 ** -24, 2],
      [0.333251953125, 3],
      [0.5, 0],
    ]);
  });

  test.each(['npy', 'npz'])(
    'are read block by block where they are large, and no row is lost between blocks: %s',
    async (format) => {
      const rows = 200_000;
      const [pairs, labels] = [new Float32Array(rows * 2), new Float32Array(rows)];
      for (let row = 0; row < rows; row++) {
        pairs.set([row, row % 2], row * 2);
        labels[row] = row % 2;
      }
      const array = npyFile(headerOf(`(${rows}, 2)`), Buffer.from(pairs.buffer));
      const content =
        format === 'npy'
          ? array
          : zipFile([
              { name: 'x.npy', content: array },
              { name: '1.npy', content: npyFile(headerOf(`(${rows},)`), Buffer.from(labels.buffer)) },
            ]);
      const path = join(await folder({ [`a.${format}`]: content }), `a.${format}`);
      const reader = format === 'npy' ? npy : npz;
      const columns = format === 'npy' ? ['0', '1'] : ['x', '1'];
      let [row, blocks] = [0, 0];
      for await (const block of reader.rows({ path, name: 'a' }, { columns, exactly: undefined })) {
        blocks += 1;
        const wrong = block.findIndex(({ number, cells }, index) => {
          const [first, label] = Array.from(cells);
          const value = typeof first === 'number' ? first : (first as Float32Array)[0];
          return number !== row + index + 1 || value !== row + index || label !== (row + index) % 2;
        });
        expect(wrong).toBe(-1);
        row += block.length;
      }
      expect(row).toBe(rows);
      expect(blocks).toBeGreaterThan(1);
    },
  );

  test('give rows the shape of a sole array, and values of several numbers', async () => {
    const dataset = await openPath(fixture('images.npz'), { data: { label: 'y' }, loss: 'MeanSquaredError' });
    expect(dataset.features.shape).toEqual([-1, 2, 2, 2]);
    expect(dataset.label).toEqual({ kind: 'Values', width: 2 });
    expect(await sortedRows(dataset)).toEqual([
      [0, 1, 2, 3, 4, 5, 6, 7, 0.5, 1],
      [8, 9, 10, 11, 12, 13, 14, 15, 1.5, 2],
      [16, 17, 18, 19, 20, 21, 22, 23, 2.5, 3],
    ]);
  });

  test.each([
    ['by-column.npy', '0', 'by-column.npy is stored column by column: save numpy.ascontiguousarray of it.'],
    ['structured.npy', '0', /structured.npy has a structured type: only whole numbers, floats to 64 bits and booleans/],
    ['complex.npy', '0', /complex.npy has the type "<c16"/],
    ['objects.npy', '0', /objects.npy has the type "|O"/],
    ['scalar.npy', '0', /scalar.npy is a single value/],
    ['unequal.npz', 'y', /the array "x" has 3 rows, and "y" has 2/],
    ['rows-lz4.parquet', 'kind', /write it with snappy, zstd, gzip or brotli/],
  ])('%s is refused with the cure', async (name, label, message) => {
    const refused = openPath(fixture(name), { data: { label } });
    await expect(refused).rejects.toMatchObject({ code: 'InvalidData', message: expect.stringMatching(message) });
  });
});

describe('parquet', () => {
  test('holds lists, lists of lists, booleans, and text in a dictionary; what is null is missing', async () => {
    const dataset = await openPath(fixture('lists.parquet'), { data: { label: 'name', maxBadRows: 2 } });
    expect(dataset.classes).toEqual(['a', 'b']);
    expect(dataset.badRows).toBe(2);
    expect(await sortedRows(dataset)).toEqual([
      [1, 2, 1, 2, 3, 4, 1, 1],
      [3, 4, 1, 2, 3, 4, 0, 0],
    ]);
  });

  test('names what is wrong by row and column', async () => {
    await expect(openPath(fixture('lists.parquet'), { data: { label: 'name' } })).rejects.toMatchObject({
      code: 'BadRows',
      message:
        '2 of 4 rows cannot be used, and spec.train.data.maxBadRows is 0: correct them, or allow more. ' +
        'lists.parquet row 3, column "point": holds 1 number, not 2; lists.parquet row 4, column "point": is missing.',
    });
  });

  test('is read anew from the content of the file alone', async () => {
    const content = await readFile(fixture('rows-groups.parquet'));
    const options = { data: { label: 'kind' } };
    expect(await rowsIn(await open('renamed.parquet', content, options))).toEqual(
      await rowsIn(await openPath(fixture('rows-groups.parquet'), options)),
    );
  });

  test('is decoded part by part where a row group is large, and no row is lost between parts', async () => {
    const selection = { columns: ['label', 'x', 'pair'], exactly: undefined };
    let [row, parts] = [0, 0];
    for await (const block of parquet.rows({ path: fixture('many.parquet'), name: 'many.parquet' }, selection)) {
      parts += 1;
      const wrong = block.findIndex(({ number, cells }, index) => {
        const at = row + index;
        const pair = cells[2] as number[];
        const isRight =
          number === at + 1 &&
          cells[0] === Math.floor(at / 200_000) &&
          Number(cells[1]) === Math.floor(at / 10_000) &&
          pair.length === 2 &&
          pair[0] === Math.floor(at / 100_000) &&
          pair[1] === pair[0];
        return !isRight;
      });
      expect(wrong).toBe(-1);
      row += block.length;
    }
    expect(row).toBe(600_000);
    expect(parts).toBeGreaterThan(1);
  });
});
