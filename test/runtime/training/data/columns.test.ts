import { describe, expect, test } from '@jest/globals';
import { datasets, fixture, sortedRows, type Options } from './datasets.ts';

const { folder, open, openPath } = datasets();

const csv = 'a,b,label,c\n1,2,0,3\n4,5,1,6\n';

test('features are all columns but the label, in their order', async () => {
  expect(await sortedRows(await open('a.csv', csv))).toEqual([
    [1, 2, 3, 0],
    [4, 5, 6, 1],
  ]);
});

test('features are those named, in the order of the names', async () => {
  expect(await sortedRows(await open('a.csv', csv, { data: { features: ['c', 'a'] } }))).toEqual([
    [3, 1, 0],
    [6, 4, 1],
  ]);
});

test('columns that are not named may hold anything', async () => {
  const content = 'a,name,label\n1,x,0\n2,,1\n';
  expect((await open('a.csv', content, { data: { features: ['a'] } })).rows).toBe(2);
});

test('a shape gives the features of a row dimensions', async () => {
  const content = '{"x": [1, 2, 3, 4], "label": 0}\n{"x": [5, 6, 7, 8], "label": 1}\n';
  const dataset = await open('a.jsonl', content, { data: { shape: [1, 2, 2] } });
  expect(dataset.features).toEqual({ name: 'features', dataType: 'FP32', shape: [-1, 1, 2, 2] });
  const { inputs, count } = await dataset.read('train', 0, 0, 2, 'pixels');
  expect([...inputs.keys()]).toEqual(['pixels']);
  expect(inputs.get('pixels')).toMatchObject({ data: expect.any(Float32Array), shape: [2, 1, 2, 2] });
  expect(count).toBe(2);
});

test('every feature is multiplied by the scale, before it is rounded to 32 bits', async () => {
  const [row] = await sortedRows(await open('a.csv', 'a,label\n255,0\n256,1\n', { data: { scale: 1 / 255 } }));
  expect(row).toEqual([1, 0]);
  const [third] = await sortedRows(await open('a.csv', 'a,label\n1,0\n2,1\n', { data: { scale: 1 / 3 } }));
  expect(third).toEqual([Math.fround(1 / 3), 0]);
});

describe('a field that does not suit the data is named', () => {
  const image = { column: 'a', height: 1, width: 1, channels: 1 } as const;
  test.each<[Partial<Options['data']>, string]>([
    [{ label: 'digit' }, 'spec.train.data.label: a.csv has no column "digit". It has "a", "b", "label", "c".'],
    [{ features: ['a', 'z'] }, 'spec.train.data.features: a.csv has no column "z". It has "a", "b", "label", "c".'],
    [{ features: ['a', 'label'] }, 'spec.train.data.features holds the label.'],
    [{ features: ['a', 'a'] }, 'spec.train.data.features names a column twice.'],
    [{ shape: [2, 2] }, 'spec.train.data.shape [2, 2] takes 4 numbers, but a row has 3 features.'],
    [
      { image: { ...image, column: 'z' } },
      'spec.train.data.image.column: a.csv has no column "z". It has "a", "b", "label", "c".',
    ],
    [{ image: { ...image, column: 'label' } }, 'spec.train.data.image.column is also the label.'],
    [{ image, features: ['b'] }, 'spec.train.data.features has no meaning beside spec.train.data.image.'],
    [{ image, shape: [1] }, 'spec.train.data.shape has no meaning beside spec.train.data.image.'],
    [
      { text: { column: 'a', tokenizer: { uri: 'x' }, maxLength: 8 } },
      'spec.train.data.text is not served yet: models of text cannot be trained.',
    ],
  ])('%j', async (data, message) => {
    await expect(open('a.csv', csv, { data: data ?? {} })).rejects.toMatchObject({ code: 'InvalidData', message });
  });

  test('with how columns of npy are named', async () => {
    await expect(openPath(fixture('rows.npy'), { data: { label: 'kind' } })).rejects.toMatchObject({
      code: 'InvalidData',
      message:
        'spec.train.data.label: rows.npy has no column "kind". ' +
        'The columns of an npy file are its numbers, from "0" on; or save an npz file, whose arrays have names.',
    });
  });

  test('with the first few of many columns', async () => {
    const names = Array.from({ length: 785 }, (_, i) => `p${i}`);
    await expect(open('a.csv', `${names.join(',')}\n`)).rejects.toThrow(/"p0", "p1", .*"p9" and 775 more\.$/);
  });
});

describe('files that are not there or do not go together', () => {
  test('nothing', async () => {
    const path = `${await folder()}/digits.csv`;
    await expect(openPath(path)).rejects.toMatchObject({
      code: 'DataNotFound',
      message: 'There is nothing at spec.train.data.uri.',
    });
  });

  test('an empty folder, and one of other files', async () => {
    await expect(openPath(await folder())).rejects.toMatchObject({
      code: 'DataNotFound',
      message: 'The folder of spec.train.data.uri holds none of .csv, .jsonl, .npy, .npz, .parquet, but nothing.',
    });
    await expect(openPath(await folder({ 'a.xlsx': '', 'more/a.csv': csv }))).rejects.toMatchObject({
      code: 'DataNotFound',
      message: expect.stringMatching(/, but "a.xlsx", "more"\.$/),
    });
  });

  test('a file of another format', async () => {
    await expect(open('digits.xlsx', csv)).rejects.toMatchObject({
      code: 'DataNotFound',
      message: 'The file "digits.xlsx" of spec.train.data.uri is none of .csv, .jsonl, .npy, .npz, .parquet.',
    });
  });

  test('two formats in a folder', async () => {
    await expect(openPath(await folder({ 'a.csv': csv, 'b.jsonl': '{}' }))).rejects.toMatchObject({
      code: 'InvalidData',
      message: 'The folder of spec.train.data.uri holds .csv and .jsonl files: leave one format, or name a file.',
    });
  });

  test('files of other columns, unless features are named', async () => {
    const path = await folder({ 'a.csv': 'x,y,label\n1,2,0\n', 'b.csv': 'x,label,z\n3,1,4\n' });
    await expect(openPath(path)).rejects.toMatchObject({
      code: 'InvalidData',
      message: 'b.csv and a.csv differ in the columns "y", "z": name those to use in spec.train.data.features.',
    });
    expect((await openPath(path, { data: { features: ['x'] } })).rows).toBe(2);
    await expect(openPath(path, { data: { features: ['y'] } })).rejects.toThrow('b.csv has no column "y".');
  });

  test('a header alone, and nothing at all', async () => {
    await expect(open('a.csv', 'x,label\n')).rejects.toThrow('The data hold no rows that can be used.');
    await expect(open('b.csv', '')).rejects.toThrow('b.csv is empty; its first row must name the columns.');
    await expect(open('c.jsonl', '\n')).rejects.toThrow('c.jsonl holds no line that is a JSON object.');
    await expect(open('d.csv', 'x,x,label\n1,2,3\n')).rejects.toThrow('the header names the column "x" twice');
    await expect(open('e.csv', 'label\n1\n')).rejects.toThrow('e.csv has no column beside the label "label".');
  });
});

test('an aborted signal ends the reading and leaves no file behind', async () => {
  const controller = new AbortController();
  controller.abort(new Error('stop'));
  const workFolder = await folder();
  await expect(open('a.csv', csv, { signal: controller.signal, workFolder })).rejects.toThrow('stop');
  const { readdir } = await import('node:fs/promises');
  expect(await readdir(workFolder)).toEqual([]);
});

test('rows of single columns know their names in order, pictures and lists do not', async () => {
  const content = '{"b":1,"a":2,"kind":"x","list":[1,2]}\n{"b":3,"a":4,"kind":"y","list":[3,4]}\n';
  const namesOf = async (data: Parameters<typeof open>[2]): Promise<string[] | undefined> =>
    (await open('a.jsonl', content, data)).featureNames;
  expect(await namesOf({ data: { label: 'kind', features: ['b', 'a'] } })).toEqual(['b', 'a']);
  expect(await namesOf({ data: { label: 'kind', features: ['a', 'list'] } })).toBeUndefined();
  expect(await namesOf({ data: { label: 'kind', features: ['a', 'b'], shape: [1, 2] } })).toBeUndefined();
});
