import { describe, expect, test } from '@jest/globals';
import { notFound, StoreError, type StoreCode } from '../../../runtime/store/errors.ts';
import { placeFailure } from '../../../runtime/training/places.ts';
import type { LocationName } from '../../../runtime/training-contract.ts';

describe('what a job says of a place of its own', () => {
  test.each<[StoreCode, LocationName, string, boolean]>([
    ['NotFound', 'model', 'ModelNotFound', false],
    ['NotFound', 'data', 'DataNotFound', false],
    ['NotFound', 'tokenizer', 'DataNotFound', false],
    ['Invalid', 'model', 'InvalidModel', false],
    ['ArchiveRefused', 'data', 'InvalidData', false],
    ['Invalid', 'output', 'StorageUnsupported', false],
    ['StorageUnsupported', 'checkpoint', 'StorageUnsupported', false],
    ['AccessDenied', 'data', 'AccessDenied', false],
    ['AddressNotAllowed', 'output', 'AddressNotAllowed', false],
    ['StorageUnavailable', 'data', 'StorageUnavailable', true],
    ['StorageFull', 'checkpoint', 'StorageFull', true],
  ])('%s of the %s is %s', (code, name, reason, retrying) => {
    const error = new StoreError(code, 'what happened', { retrying: true });
    expect(placeFailure(error, name)).toMatchObject({ fault: { reason, message: 'what happened', retrying } });
  });

  test('leaves other errors as they are', () => {
    const bug = new TypeError('a bug');
    expect(placeFailure(bug, 'data')).toBe(bug);
    expect(placeFailure(notFound('nothing'), 'data')).not.toBeInstanceOf(StoreError);
  });
});
