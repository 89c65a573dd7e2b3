import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import sharp from 'sharp';
import { writeDigits } from '../../../examples/digits/data.ts';

test('the images that the example asks about are not among those it trains on', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'modelyard-digits-'));
  try {
    const rows = (await readFile(await writeDigits(folder), 'utf8')).trimEnd().split('\n').slice(1);
    const trained = new Set(
      rows.map((row) => {
        const [, ...pixels] = row.split(',');
        return pixels.map((pixel) => Math.round(Number(pixel) * 255)).join();
      }),
    );
    const images = join(import.meta.dirname, '../../../examples/digits/images');
    const files = await readdir(images);
    const asked = await Promise.all(
      files.map(async (file) => {
        const pixels = await sharp(await readFile(join(images, file)))
          .toColourspace('b-w')
          .raw()
          .toBuffer();
        return [...pixels].join();
      }),
    );
    expect([rows.length, files.length]).toEqual([8_995, 20]);
    expect(asked.filter((image) => trained.has(image))).toEqual([]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
