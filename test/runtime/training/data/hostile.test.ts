import { open as openFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parquetWithin } from '../../../../runtime/training/data/parquet.ts';
import { seededRandom, type Random } from '../../../support/random.ts';
import { datasets, fixture, type Options } from './datasets.ts';
import { headerOf, npyFile, zipFile } from './numpy-files.ts';

const { folder, open, openApart } = datasets();

const mebi = 1024 ** 2;

const refused = (message: string | RegExp, code = 'InvalidData'): object => ({
  code,
  message: expect.stringMatching(message) as unknown,
});

describe('a row of 256 MiB takes less memory than that', () => {
  /** A file of that beginning and end, and zeros between them, which lie on no disk. */
  async function sparse(name: string, beginning: string, end = ''): Promise<string> {
    const path = join(await folder(), name);
    await using file = await openFile(path, 'w');
    await file.write(beginning);
    await file.truncate(256 * mebi);
    await file.write(end, 256 * mebi);
    return path;
  }

  test.each([
    ['a cell', 'x,label\n1,0\n', 'row 2'],
    ['quotes', 'x,label\n1,0\n3,"', 'row 2'],
    ['the header', 'x', 'row 0'],
  ])('in csv, in %s', async (_, beginning, row) => {
    const opened = await openApart(await sparse('a.csv', beginning));
    const message = `a.csv: ${row} is longer than 33554432 characters. Is a quote never closed?`;
    expect(opened).toMatchObject({ code: 'InvalidData', message });
    expect(opened.mostBytes).toBeLessThan(256 * mebi);
  });

  test('in jsonl, where it is one bad row', async () => {
    const line = '{"x": 1, "label": 0}\n';
    const path = await sparse('a.jsonl', line, `\n${line.replace('0', '1')}`);
    const opened = await openApart(path, { data: { maxBadRows: 1 } });
    expect(opened).toMatchObject({ rows: 2, badRows: 1 });
    expect(opened.mostBytes).toBeLessThan(256 * mebi);
    expect(await openApart(path)).toMatchObject(refused(/a.jsonl row 2: is longer than 33554432 bytes\.$/, 'BadRows'));
  });
});

describe('csv', () => {
  test('of a row of commas alone is a bad row', async () => {
    await expect(open('a.csv', `x,label\n1,0\n${','.repeat(mebi)}\n`)).rejects.toMatchObject(
      refused('row 2: has 1048577 cells, but the header names 2 columns', 'BadRows'),
    );
  });

  test('of far too many columns is refused', async () => {
    await expect(open('a.csv', Array.from({ length: 262_145 }, (_, i) => i).join(','))).rejects.toMatchObject(
      refused('a.csv names 262145 columns, and at most 262144 are possible.'),
    );
  });

  test.each([
    ['never closed', 'x,label\n1,0\n2,"1\n3,0\n', 'row 2'],
    ['closed within a cell', 'x,label\n1,"0"1\n2,0\n', 'row 1'],
  ])('of quotes that are %s is refused, for where rows end is not known', async (_, content, row) => {
    await expect(open('a.csv', content, { data: { maxBadRows: 9 } })).rejects.toMatchObject(
      refused(`a.csv: the quotes of ${row} do not pair up.`),
    );
  });

  test.each([
    ['UTF-16', Buffer.from('\ufeffx,label\n1,0\n', 'utf16le')],
    ['Latin 1', Buffer.from('x,label\n1,caf\xe9\n', 'latin1')],
    ['UTF-8 that is cut off', Buffer.from('x,label\n1,é').subarray(0, -1)],
  ])('in %s is refused', async (_, content) => {
    await expect(open('a.csv', content)).rejects.toMatchObject(refused('a.csv is not encoded as UTF-8; save it so.'));
  });
});

describe('jsonl', () => {
  const good = '{"x": 1, "label": 0}\n{"x": 2, "label": 1}\n';

  test.each([
    ['deep arrays', `{"x": ${'['.repeat(30 * mebi)}`, 'has brackets deeper than 32, or more than 1000000 of them'],
    ['deep objects', '{"x":'.repeat(6 * mebi), 'has brackets deeper than 32, or more than 1000000 of them'],
    [
      'many objects',
      `{"x": [${'{},'.repeat(10 * mebi)}{}]}`,
      'has brackets deeper than 32, or more than 1000000 of them',
    ],
    [
      'arrays just deep',
      `{"label": 1, "x": ${'['.repeat(30_000)}${']'.repeat(30_000)}}`,
      'holds arrays within arrays deeper than 32',
    ],
    ['a label just as deep', `{"x": 1, "label": ${'['.repeat(30_000)}0${']'.repeat(30_000)}}`, 'is no class'],
    ['brackets in text', `{"label": 1, "x": "${'[\\"'.repeat(100_000)}"}`, 'is no number'],
  ])('of %s is a bad row', async (_, line, problem) => {
    await expect(open('a.jsonl', `${good}${line}\n`)).rejects.toMatchObject(
      refused(new RegExp(`a.jsonl row 3(, column "(x|label)")?: ${problem}`), 'BadRows'),
    );
  });
});

describe('npy', () => {
  const elements = Buffer.alloc(24);
  test.each([
    ['is empty', Buffer.alloc(0), /a.npy is no array in NumPy's format\./],
    ['is text', Buffer.from('x,label\n1,0\n'), /a.npy is no array in NumPy's format\./],
    ['is of a later version', npyFile(headerOf('(3, 2)'), elements, 4), /is of version 4 of NumPy's format/],
    [
      'has a header of a gibibyte',
      Buffer.concat([Buffer.from('\x93NUMPY\x02\x00\x00\x00\x00\x40', 'latin1'), elements]),
      /has a header of 1073741836 bytes\./,
    ],
    [
      'has a header that is cut off',
      npyFile(headerOf('(3, 2)'), elements).subarray(0, 40),
      /has a header that cannot be read|bytes of elements/,
    ],
    ['says nothing', npyFile('{}', elements), /has a header that cannot be read\./],
    [
      'says more than it holds',
      npyFile(headerOf('(1000000000, 2)'), elements),
      /has the shape \(1000000000, 2\), but 24 bytes of elements\./,
    ],
    [
      'says less than it holds',
      npyFile(headerOf('(2, 2)'), elements),
      /has the shape \(2, 2\), but 24 bytes of elements\./,
    ],
    [
      'says more than can be counted',
      npyFile(headerOf(`(${'9'.repeat(400)}, 2)`), elements),
      /has the shape \(Infinity, 2\), which holds no rows\./,
    ],
    ['has rows of nothing', npyFile(headerOf('(1000000000000, 0)'), Buffer.alloc(0)), /which holds no rows\./],
    ['has rows of too much', npyFile(headerOf('(1, 16777217)'), elements), /holds 16777217 numbers in a row/],
    [
      'has far too many columns',
      npyFile(headerOf('(1, 300000)', "'|u1'"), Buffer.alloc(300_000)),
      /has 300000 columns, and at most 262144 are possible: use npz\./,
    ],
    ['has too many dimensions', npyFile(headerOf(`(${'1, '.repeat(40)})`), Buffer.alloc(4)), /which holds no rows\./],
    ['has no rows', npyFile(headerOf('(0, 2)'), Buffer.alloc(0)), /The data hold no rows that can be used\./],
    [
      'has elements of a type of its own',
      npyFile(headerOf('(3, 2)', "'__proto__'"), elements),
      /has the type "__proto__"/,
    ],
  ])('that %s is refused', async (_, content, message) => {
    await expect(open('a.npy', content, { data: { label: '1' } })).rejects.toMatchObject(refused(message));
  });
});

describe('npz', () => {
  const x = npyFile(headerOf('(3, 2)'), Buffer.alloc(24));
  const label = npyFile(headerOf('(3,)', "'|u1'"), Buffer.of(0, 1, 2));
  const archive = (options: { content?: Buffer; saysBytes?: number }): Buffer =>
    zipFile([
      { name: 'label.npy', content: label },
      { name: 'x.npy', content: x, ...options },
    ]);

  test('that is as it says is read', async () => {
    expect((await open('a.npz', archive({}))).rows).toBe(3);
  });

  test.each([
    ['is empty', Buffer.alloc(0), /a.npz cannot be read: /],
    ['is text', Buffer.from('x,label\n1,0\n'.repeat(100)), /a.npz cannot be read: /],
    ['is cut off', archive({}).subarray(0, -30), /a.npz cannot be read: /],
    [
      'inflates to more than it may',
      archive({ saysBytes: 3 * 1024 * mebi }),
      /a.npz says that its \d+ bytes are \d+ bytes when inflated: save it with numpy.savez, uncompressed\./,
    ],
    [
      'inflates to more than it says',
      archive({ content: npyFile(headerOf('(3, 2)'), Buffer.alloc(10 * mebi)), saysBytes: x.length }),
      /a.npz cannot be read: "too many bytes in the stream/,
    ],
    [
      'inflates to less than it says',
      zipFile([
        { name: 'label.npy', content: label },
        { name: 'x.npy', content: x.subarray(0, -8), saysBytes: x.length },
      ]),
      /a.npz cannot be read: "not enough bytes in the stream/,
    ],
    [
      'holds an array whose shape is a lie',
      archive({ content: npyFile(headerOf('(4, 2)'), Buffer.alloc(24)) }),
      /a.npz: the array "x" has the shape \(4, 2\), but 24 bytes of elements\./,
    ],
    [
      'holds what is no array',
      archive({ content: Buffer.from('hello, this is text') }),
      /a.npz: the array "x" is no array in NumPy's format\./,
    ],
    [
      'holds thousands of arrays',
      zipFile(Array.from({ length: 1025 }, (_, i) => ({ name: `${i}.npy`, content: label }))),
      /holds more than 1024 arrays\./,
    ],
    [
      'leaves its folder',
      zipFile([{ name: '../x.npy', content: x }]),
      /a.npz cannot be read: "invalid relative path: \.\.\/x\.npy"/,
    ],
  ])('that %s is refused', async (_, content, message) => {
    await expect(open('a.npz', content)).rejects.toMatchObject(refused(message));
  });

  test('of zeros is not taken for a bomb', async () => {
    const zeros = npyFile(headerOf('(3, 100000)'), Buffer.alloc(1_200_000));
    expect((await open('a.npz', archive({ content: zeros }))).features.shape).toEqual([-1, 100_000]);
  });
});

describe('parquet', () => {
  const options: Options = { data: { label: 'kind' } };
  const changed = async (
    change: (content: Buffer) => Buffer | undefined,
    name = 'rows-none.parquet',
  ): Promise<Buffer> => {
    const content = await readFile(fixture(name));
    return change(content) ?? content;
  };

  test.each<[string, (content: Buffer) => Buffer | undefined, RegExp]>([
    ['is empty', () => Buffer.alloc(0), /no parquet file that can be read/],
    ['is text', () => Buffer.from('x,label\n1,0\n'), /no parquet file that can be read: "it does not end in PAR1"/],
    [
      'is cut off',
      (content) => content.subarray(0, -20),
      /no parquet file that can be read: "it does not end in PAR1"/,
    ],
    ['has lost its beginning', (content) => content.subarray(200), /no parquet file that can be read/],
    [
      'has a footer of two gibibytes',
      (content) => void content.writeUInt32LE(2 ** 31, content.length - 8),
      /no parquet file that can be read: "its footer is too large"/,
    ],
    ['has a footer of nothing', (content) => void content.writeUInt32LE(0, content.length - 8), /no parquet file/],
    [
      'has a footer of zeros',
      (content) => content.fill(0, content.length - 508, content.length - 8),
      /its parts hold other rows than its footer says/,
    ],
    ['has pages of zeros', (content) => content.fill(0, 4, 300), /no parquet file that can be read/],
    ['has pages of ones', (content) => content.fill(255, 4, 300), /no parquet file that can be read/],
  ])('that %s is refused', async (_, change, message) => {
    await expect(open('a.parquet', await changed(change), options)).rejects.toMatchObject(refused(message));
  });

  const read = async (content: Buffer, name: string, patienceMs: number): Promise<number> => {
    const path = join(await folder({ 'a.parquet': content }), 'a.parquet');
    const format = parquetWithin(patienceMs);
    const columns = name.startsWith('lists') ? ['point', 'grid', 'flag', 'name'] : ['width', 'height', 'kind'];
    let rows = 0;
    for await (const block of format.rows({ path, name: 'a.parquet' }, { columns, exactly: undefined }))
      rows += block.length;
    return rows;
  };

  test('that can be decoded without end is refused in time', async () => {
    const name = 'rows-groups.parquet';
    const content = await changed((whole) => void whole.writeUInt8(17, 481), name);
    await expect(read(content, name, 2_000)).rejects.toMatchObject(
      refused('A part of a.parquet takes longer than 2 seconds to decode.'),
    );
  });

  const damaged = (content: Buffer, random: Random): undefined => {
    content.set(random.bytes(2), random.integer(content.length - 2));
  };

  test('of which any bytes are changed is read or refused, and nothing else', async () => {
    const random = seededRandom(20_261_125);
    for (let round = 0; round < 8; round++) {
      const outcomes = ['rows-none.parquet', 'rows-groups.parquet', 'lists.parquet'].map(async (name) => {
        const content = await changed((whole) => damaged(whole, random), name);
        return read(content, name, 2_000).catch((error: unknown) => error);
      });
      for (const outcome of await Promise.all(outcomes)) {
        if (typeof outcome === 'number') expect(outcome).toBeLessThanOrEqual(5);
        else expect(outcome).toMatchObject({ code: 'InvalidData' });
      }
    }
  });
});
