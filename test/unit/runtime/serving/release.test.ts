import { describe, expect, test } from '@jest/globals';
import { release } from '../../../../runtime/serving/release.ts';

describe('memory that is given back', () => {
  test('is gone at once: whoever still holds it finds it empty', () => {
    const bytes = Buffer.allocUnsafeSlow(600_000);
    const view = bytes.subarray(8);
    release(bytes);
    expect([bytes.byteLength, view.byteLength, bytes.buffer.detached]).toEqual([0, 0, true]);
    expect(() => release(bytes)).not.toThrow();
  });

  test('is left alone where others may have a part of it, or where it is small', () => {
    const large = Buffer.allocUnsafeSlow(600_000);
    const pooled = Buffer.from('pooled');
    const small = Buffer.allocUnsafeSlow(1_000);
    const kept = [large.subarray(1), large.subarray(0, 599_999), pooled, small];
    const lengths = kept.map(({ byteLength }) => byteLength);
    kept.forEach(release);
    expect(kept.map(({ byteLength }) => byteLength)).toEqual(lengths);
  });

  test('is left alone where it is shared between threads', () => {
    const shared = new Uint8Array(new SharedArrayBuffer(600_000));
    release(shared);
    expect(shared.byteLength).toBe(600_000);
  });
});
