import { describe, expect, test } from '@jest/globals';
import { mergeRequests } from '../../../../runtime/serving/batch.ts';
import type { RunRequest } from '../../../../runtime/serving/messages.ts';

const request = (...data: Uint8Array[]): RunRequest => ({
  inputs: data.map((bytes, index) => ({ name: `x${index}`, dataType: 'UINT8', shape: [1, bytes.length], data: bytes })),
});

const dataOf = (requests: RunRequest[]): Uint8Array[] => mergeRequests(requests).merged.inputs.map(({ data }) => data);

describe('requests that are merged', () => {
  const memory = Uint8Array.from({ length: 64 }, (_, index) => index);

  test('are not copied where they lie behind one another, as in a frame', () => {
    const [merged] = dataOf([request(memory.subarray(8, 16)), request(memory.subarray(16, 32))]);
    expect(merged?.buffer).toBe(memory.buffer);
    expect(merged).toEqual(memory.subarray(8, 32));
  });

  test('are copied where there is a gap, another order, another input or other memory between them', () => {
    const [a, b, c] = [memory.subarray(0, 8), memory.subarray(8, 16), memory.subarray(16, 24)];
    for (const parts of [
      [a, c],
      [b, a],
      [a, a],
      [a, Uint8Array.from(memory).subarray(8, 16)],
      [a, b, a],
    ]) {
      const [merged] = dataOf(parts.map((part) => request(part)));
      expect(merged?.buffer).not.toBe(memory.buffer);
      expect(Buffer.from(merged ?? []).equals(Buffer.concat(parts))).toBe(true);
    }
    const several = dataOf([request(a, b), request(c, memory.subarray(24, 32))]);
    expect(several.map((bytes) => [...bytes].slice(-8))).toEqual([[...c], [...memory.subarray(24, 32)]]);
  });
});
