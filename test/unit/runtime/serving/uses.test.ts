import { expect, test } from '@jest/globals';
import { Uses } from '../../../../runtime/serving/uses.ts';

test('work of several requests counts until the last of it is over, also where it fails', async () => {
  const uses = new Uses();
  await uses.none();
  const [first, second] = [Promise.withResolvers<string>(), Promise.withResolvers<string>()];
  const works = [uses.during(() => first.promise), uses.during(() => second.promise)];
  expect(uses.count).toBe(2);
  let isUnused = false;
  const none = uses.none().then(() => (isUnused = true));
  first.resolve('done');
  expect(await works[0]).toBe('done');
  expect([uses.count, isUnused]).toEqual([1, false]);
  second.reject(new Error('failed'));
  await expect(works[1]).rejects.toThrow('failed');
  await none;
  expect(uses.count).toBe(0);
});
