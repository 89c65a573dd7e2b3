import { expect, test } from '@jest/globals';
import { OwnGradient } from '../../../runtime/training/worker/own-gradient.ts';

const vector = (id: number) => ({ id, values: new Float32Array(new SharedArrayBuffer(4)) });

async function isSettled(promise: Promise<void>): Promise<boolean> {
  return Promise.race([promise.then(() => true), new Promise<false>((resolve) => setImmediate(() => resolve(false)))]);
}

test('the gradient of a step is there until that of another one is, and until nobody reads it', async () => {
  const own = new OwnGradient();
  expect(own.use(3)).toBeUndefined();
  const first = own.keep(3, vector(1));
  expect(own.use(2)).toBeUndefined();
  const [one, other] = [own.use(3), own.use(3)];
  expect(one?.vector.id).toBe(1);
  const second = own.keep(4, vector(2));
  expect(own.use(3)).toBeUndefined();
  one?.release();
  expect(await isSettled(first)).toBe(false);
  other?.release();
  expect(await isSettled(first)).toBe(true);
  expect(await isSettled(second)).toBe(false);
  own.use(4)?.release();
  expect(await isSettled(second)).toBe(false);
  void own.keep(4, vector(3));
  expect(await isSettled(second)).toBe(true);
});
