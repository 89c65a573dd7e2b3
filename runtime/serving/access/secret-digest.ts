import { hash } from 'node:crypto';

/** The SHA-256 of a key or a token. */
export const digestOf = (secret: string): Buffer => hash('sha256', secret, 'buffer');

/** The digest in a text that is `sha256:HEX`; undefined where it is something else. */
export function digestIn(text: string): Buffer | undefined {
  const [, hex] = /^sha256:([0-9a-f]{64})$/i.exec(text) ?? [];
  return hex === undefined ? undefined : Buffer.from(hex, 'hex');
}
