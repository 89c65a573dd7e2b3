import { describe, expect, test } from '@jest/globals';
import { credentialIn } from '../../../../../runtime/serving/access/credential.ts';

describe('the credential of a request', () => {
  test.each([
    [['Authorization', 'Bearer abc'], { header: 'authorization', value: 'abc' }],
    [['authorization', 'BEARER   abc'], { header: 'authorization', value: 'abc' }],
    [['accept', '*/*', 'X-API-Key', 'a.b-c~!'], { header: 'x-api-key', value: 'a.b-c~!' }],
    [['x-api-key', 'a'.repeat(8_192)], { header: 'x-api-key', value: 'a'.repeat(8_192) }],
  ])('is found in %j', (headers, credential) => {
    expect(credentialIn(headers)).toEqual(credential);
  });

  test.each([
    ['is missing', []],
    ['is missing', ['accept', 'authorization']],
    ['send one header', ['authorization', 'Bearer a', 'Authorization', 'Bearer a']],
    ['send one header', ['authorization', 'Bearer a', 'x-api-key', 'a']],
    ['must be "Bearer"', ['authorization', 'abc']],
    ['must be "Bearer"', ['authorization', 'Bearerabc']],
    ['must be "Bearer"', ['authorization', '']],
    ['must hold 1 to 8192', ['authorization', 'Bearer ']],
    ['must hold 1 to 8192', ['authorization', 'Bearer a b']],
    ['must hold 1 to 8192', ['authorization', 'Bearer a\tb']],
    ['must hold 1 to 8192', ['authorization', 'Bearer a\nb']],
    ['must hold 1 to 8192', ['x-api-key', '']],
    ['must hold 1 to 8192', ['x-api-key', 'é']],
    ['must hold 1 to 8192', ['x-api-key', 'a'.repeat(8_193)]],
  ])('%s in %j', (says, headers) => {
    expect(() => credentialIn(headers)).toThrow(
      expect.objectContaining({ code: 'Unauthenticated', message: expect.stringContaining(says) as unknown }),
    );
  });
});
