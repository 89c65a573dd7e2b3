import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import sharp from 'sharp';
import type { DataSpec } from '../../../../runtime/training-contract.ts';
import { datasets, fixture, rowsIn, sortedRows } from './datasets.ts';

const { folder, open, openPath } = datasets();

interface Colour {
  r: number;
  g: number;
  b: number;
}

const filled = (colour: Colour, size = 4) =>
  sharp({ create: { width: size, height: size, channels: 3, background: colour } });
const png = async (colour: Colour): Promise<Buffer> => filled(colour).png().toBuffer();
const grey = (level: number): Colour => ({ r: level, g: level, b: level });

const image = (channels: 1 | 3, column = 'file'): { image: NonNullable<DataSpec['image']> } => ({
  image: { column, height: 2, width: 2, channels },
});

const f = Math.fround;

describe('images', () => {
  test('are files beside the table, resized, channels first, from 0 to 1', async () => {
    const path = await folder({
      'labels.csv': 'file,label,note\npictures/red.png,cat,\npictures/dark.jpg,dog,x\n',
      'pictures/red.png': await png({ r: 255, g: 51, b: 0 }),
      'pictures/dark.jpg': await filled(grey(102)).jpeg({ quality: 100 }).toBuffer(),
    });
    const dataset = await openPath(path, { data: image(3) });
    expect(dataset.features).toEqual({ name: 'image', dataType: 'FP32', shape: [-1, 3, 2, 2] });
    expect(dataset.classes).toEqual(['cat', 'dog']);
    expect(await sortedRows(dataset)).toEqual([
      [...Array<number>(12).fill(f(0.4)), 1],
      [...Array<number>(4).fill(1), ...Array<number>(4).fill(f(0.2)), ...Array<number>(4).fill(0), 0],
    ]);
    const { inputs } = await dataset.read('train', 0, 0, 2, 'pixels');
    expect(inputs.get('pixels')?.shape).toEqual([2, 3, 2, 2]);
  });

  test('are grey where one channel is asked for, and multiplied by the scale', async () => {
    const path = await folder({
      'a.csv': 'file,label\nx.png,0\ny.png,1\n',
      'x.png': await png(grey(51)),
      'y.png': await png({ r: 255, g: 0, b: 0 }),
    });
    const dataset = await openPath(path, { data: { ...image(1), scale: 255 } });
    expect(await sortedRows(dataset)).toEqual([
      [51, 51, 51, 51, 0],
      [76, 76, 76, 76, 1],
    ]);
  });

  test.each(['bytes', 'image'])('are %s of parquet', async (column) => {
    const options = { data: { image: { column, height: 1, width: 2, channels: 1 as const } } };
    expect(await sortedRows(await openPath(fixture('images.parquet'), options))).toEqual([
      [0, f(0.2), 0],
      [0, f(0.4), 1],
      [0, 1, 0],
    ]);
  });

  test('are Base64 of jsonl, with or without the head of a data URL', async () => {
    const [first, second] = [await png(grey(0)), await filled(grey(255)).jpeg().toBuffer()];
    const lines = [
      { label: 0, file: first.toString('base64') },
      { label: 1, file: second.toString('base64') },
      { label: 2, file: `data:image/png;base64,${first.toString('base64')}` },
    ];
    const dataset = await open('a.jsonl', lines.map((line) => `${JSON.stringify(line)}\n`).join(''), {
      data: image(1),
    });
    expect((await rowsIn(dataset)).map((row) => [row[0], row[4]]).sort()).toEqual([
      [0, 0],
      [0, 2],
      [1, 1],
    ]);
  });

  test('keep their rows in order, although several are decoded at a time', async () => {
    const levels = Array.from({ length: 30 }, (_, i) => i * 8);
    const files = await Promise.all(levels.map(async (level) => [`${level}.png`, await png(grey(level))] as const));
    const table = `file,label\n${levels.map((level) => `${level}.png,${level}\n`).join('')}`;
    const path = await folder({ ...Object.fromEntries(files), 'a.csv': table });
    const dataset = await openPath(path, { data: { ...image(1), scale: 255 / 8 } });
    expect((await rowsIn(dataset)).every((row) => Math.round(row[0] ?? -1) === row[4])).toBe(true);
  });
});

describe('a row is bad when its image', () => {
  const badRow = async (file: string, problem: string, content: Record<string, Uint8Array> = {}): Promise<void> => {
    const path = await folder({
      'a.csv': `file,label\n${file},0\nx.png,1\nx.png,0\n`,
      'x.png': await png(grey(1)),
      ...content,
    });
    await expect(openPath(path, { data: image(1) })).rejects.toMatchObject({
      code: 'BadRows',
      message: expect.stringContaining(`a.csv row 1, column "file": ${problem}`),
    });
    expect(await openPath(path, { data: { ...image(1), maxBadRows: 1 } })).toMatchObject({ rows: 2, badRows: 1 });
  };

  test.each([
    ['', 'is missing'],
    ['y.png', 'is not a file of the data ("y.png")'],
    ['x.png/y.png', 'is not a file of the data ("x.png/y.png")'],
    ['.', 'leaves the folder of the data (".")'],
    ['../x.png', 'is not a file of the data ("../x.png")'],
    ['../../../../../../../etc/passwd', 'leaves the folder of the data ("../../../../../../../etc/passwd")'],
    ['/etc/passwd', 'is not a file of the data ("/etc/passwd")'],
    ['a\u0000.png', 'is not a file of the data ("a\\u0000.png")'],
    [`${'n'.repeat(5000)}.png`, `is not a file of the data ("${'n'.repeat(40)}…")`],
    ['a.csv', 'is no image that can be used: neither JPEG nor PNG'],
  ])('is at %j', async (file, problem) => {
    await badRow(file, problem);
  });

  test('is cut off', async () => {
    const whole = await sharp({
      create: {
        width: 64,
        height: 64,
        channels: 3,
        background: grey(9),
        noise: { type: 'gaussian', mean: 99, sigma: 30 },
      },
    })
      .png()
      .toBuffer();
    await badRow('y.png', 'is no image that can be used: cannot be decoded', { 'y.png': whole.subarray(0, 900) });
  });

  test('has far too many pixels', async () => {
    const huge = await sharp({ create: { width: 10_000, height: 6_000, channels: 3, background: grey(0) } })
      .png({ compressionLevel: 9 })
      .toBuffer();
    await badRow('y.png', 'is no image that can be used: cannot be decoded (Input image exceeds pixel limit', {
      'y.png': huge,
    });
  });

  test('is a link out of the folder', async () => {
    const outside = await folder({ 'secret.png': await png(grey(1)) });
    const path = await folder({ 'a.csv': 'file,label\nlink.png,0\n' });
    await symlink(join(outside, 'secret.png'), join(path, 'link.png'));
    await expect(openPath(path, { data: image(1) })).rejects.toThrow('leaves the folder of the data ("link.png")');
  });

  test('is a path, and the data are a single file', async () => {
    await expect(open('a.csv', 'file,label\nx.png,0\n', { data: image(1) })).rejects.toThrow(
      'is the path of a file, but spec.train.data.uri is no folder that could hold it',
    );
  });

  test('is a number', async () => {
    await expect(open('a.jsonl', '{"file": 7, "label": 0}\n', { data: image(1) })).rejects.toThrow('is no image (7)');
  });
});
