import { deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { decompressed, MessageDecoder, messagePrefix } from '../../../../runtime/serving/grpc/framing.ts';

const framed = (message: Uint8Array): Buffer => Buffer.concat([messagePrefix([message]), message]);

/** Where to cut, as shares of the whole. */
function pieces(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [0, ...cuts.map((share) => Math.floor(share * bytes.length)).sort((a, b) => a - b), bytes.length];
  return places.slice(1).map((to, index) => bytes.subarray(places[index], to));
}

describe('messages of gRPC', () => {
  test('come out as they went in, however the stream is cut', () => {
    const message = fc.uint8Array({ maxLength: 200 });
    const shares = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 6 }), shares, (messages, cuts) => {
        const decoder = new MessageDecoder(1_000);
        const found = pieces(Buffer.concat(messages.map(framed)), cuts).flatMap((piece) => decoder.push(piece));
        expect(found.map(({ data }) => [...data])).toEqual(messages.map((bytes) => [...bytes]));
        expect(decoder.isWithinMessage).toBe(false);
      }),
    );
  });

  test('that lie in one chunk are not copied', () => {
    const chunk = framed(Buffer.from('abc'));
    expect(new MessageDecoder(10).push(chunk)[0]?.data.buffer).toBe(chunk.buffer);
  });

  test('that are cut off are known to be', () => {
    const decoder = new MessageDecoder(10);
    decoder.push(framed(Buffer.from('abc')).subarray(0, 3));
    expect(decoder.isWithinMessage).toBe(true);
  });

  test('that are too large are refused by their announced length alone', () => {
    const prefix = Buffer.from([0, 0xff, 0xff, 0xff, 0xff]);
    expect(() => new MessageDecoder(1_000).push(prefix)).toThrow(/larger than the 1000 bytes/);
  });

  test('that do not begin as messages do are refused', () => {
    expect(() => new MessageDecoder(1_000).push(Buffer.from('GET / HTTP/1.1'))).toThrow(/does not begin/);
  });
});

describe('compressed messages', () => {
  const text = Buffer.from('compressible '.repeat(100));

  test.each([
    ['gzip', gzipSync(text)],
    ['deflate', deflateSync(text)],
  ])('of %s are read', async (encoding, data) => {
    expect(await decompressed({ isCompressed: true, data }, encoding, 10_000)).toEqual(text);
  });

  test('that grow beyond the limit are refused', async () => {
    const bomb = { isCompressed: true, data: gzipSync(Buffer.alloc(1_000_000)) };
    await expect(decompressed(bomb, 'gzip', 10_000)).rejects.toMatchObject({ code: 'TooLarge' });
  });

  test('that are not what they claim are refused', async () => {
    const garbage = { isCompressed: true, data: Buffer.from('garbage') };
    await expect(decompressed(garbage, 'gzip', 10_000)).rejects.toMatchObject({ code: 'InvalidArgument' });
    await expect(decompressed(garbage, 'snappy', 10_000)).rejects.toMatchObject({ code: 'MethodNotAllowed' });
    await expect(decompressed(garbage, undefined, 10_000)).rejects.toMatchObject({ code: 'MethodNotAllowed' });
  });
});
