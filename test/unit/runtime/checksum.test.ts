import { describe, expect, test } from '@jest/globals';
import { crc32cChecksum, gitBlobChecksum, md5Checksum, type Checksum } from '../../../runtime/store/checksum.ts';

/** In two parts, as content arrives. */
function of(checksum: Checksum, bytes: Buffer): string {
  const running = checksum.start();
  running.update(bytes.subarray(0, 3));
  running.update(bytes.subarray(3));
  return running.digest();
}

describe('a crc32c is that of the examples of RFC 3720, B.4', () => {
  test.each([
    ['32 zeros', Buffer.alloc(32), '8a9136aa'],
    ['32 ones', Buffer.alloc(32, 0xff), '62a8ab43'],
    ['32 counted up', Buffer.from(Array.from({ length: 32 }, (_, index) => index)), '46dd794e'],
    ['32 counted down', Buffer.from(Array.from({ length: 32 }, (_, index) => 31 - index)), '113fdb5c'],
  ])('%s', (_what, bytes, hex) => {
    const algorithm = crc32cChecksum('');
    expect(Buffer.from(of(algorithm, bytes), 'base64').readUInt32BE().toString(16)).toBe(hex);
  });
});

test('a blob has the id that git hash-object prints', () => {
  expect(of(gitBlobChecksum('', 0), Buffer.alloc(0))).toBe('e69de29bb2d1d6434b8b29ae775ad8c2e48c5391');
  expect(of(gitBlobChecksum('', 6), Buffer.from('hello\n'))).toBe('ce013625030ba8dba906f756967f9e9ca394464a');
});

test('an md5 is that of RFC 1321, in base64', () => {
  const hex = Buffer.from(of(md5Checksum(''), Buffer.from('message digest')), 'base64').toString('hex');
  expect(hex).toBe('f96b697d7cb7938d525a2f31aaf161d0');
});
