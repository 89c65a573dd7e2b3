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

function hashOf(algorithm: string, encoding: 'hex' | 'base64', start = ''): RunningChecksum {
  const hash = createHash(algorithm).update(start);
  return { update: (chunk) => hash.update(chunk), digest: () => hash.digest(encoding) };
}
