import { createHash } from 'node:crypto';

/** What the source says of a file's content; text as `digest` of a running one gives it. */
export interface Checksum {
  /** As messages call it. */
  algorithm: string;
  expected: string;
  start(): RunningChecksum;
}

export interface RunningChecksum {
  update(chunk: Uint8Array): unknown;
  digest(): string;
}

/** @param hex 64 lower case hex digits */
export const sha256Checksum = (hex: string): Checksum => ({
  algorithm: 'sha256',
  expected: hex,
  start: () => hashOf('sha256', 'hex'),
});

/**
 * Of the blob that git makes of a file.
 *
 * @param hex 40 lower case hex digits
 * @param size of the file, in bytes
 */
export const gitBlobChecksum = (hex: string, size: number): Checksum => ({
  algorithm: 'git blob id',
  expected: hex,
  start: () => hashOf('sha1', 'hex', `blob ${size}\0`),
});

/** @param base64 of 16 bytes */
export const md5Checksum = (base64: string): Checksum => ({
  algorithm: 'md5',
  expected: base64,
  start: () => hashOf('md5', 'base64'),
});

/** @param base64 of 4 bytes, the most significant first */
export const crc32cChecksum = (base64: string): Checksum => ({
  algorithm: 'crc32c',
  expected: base64,
  start: () => {
    let remainder = 0xffffffff;
    return {
      update(chunk) {
        let next = remainder;
        // Twice as fast as an iterator.
        let at = 0;
        while (at < chunk.length) next = (crc32cTable[(next ^ (chunk[at++] ?? 0)) & 0xff] ?? 0) ^ (next >>> 8);
        remainder = next;
      },
      digest() {
        const bytes = Buffer.alloc(4);
        bytes.writeUInt32BE((remainder ^ 0xffffffff) >>> 0);
        return bytes.toString('base64');
      },
    };
  },
});

/** Of the Castagnoli polynomial, its bits reversed: RFC 3720, B.4. Node has the other CRC-32 only. */
const crc32cTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) remainder = remainder & 1 ? (remainder >>> 1) ^ 0x82f63b78 : remainder >>> 1;
  return remainder;
});

function hashOf(algorithm: string, encoding: 'hex' | 'base64', start = ''): RunningChecksum {
  const hash = createHash(algorithm).update(start);
  return { update: (chunk) => hash.update(chunk), digest: () => hash.digest(encoding) };
}
