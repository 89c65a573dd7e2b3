import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { writeDigits } from '../../../../examples/digits/data.ts';
import { datasets } from './datasets.ts';

const { folder, openApart } = datasets();

test('the digits of the example are 8,995 images of ten classes, the same bytes every time', async () => {
  const path = await writeDigits(await folder());
  const data = { label: 'digit', shape: [1, 28, 28], validationSplit: 0.1, testSplit: 0.1 };
  expect(await openApart(path, { data })).toMatchObject({
    rows: 8_995,
    badRows: 0,
    classes: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
    features: { shape: [-1, 1, 28, 28] },
    split: { train: 7_195, validation: 900, test: 900 },
  });
  const digest = createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
  expect(digest).toBe('c9689506292f29d804489de2f95c406f3c3332aaff754d47c12a8d50f04fc043');
});
