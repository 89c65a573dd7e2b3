import { PassThrough } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readFrames, writeFrame, type Frame } from '../../runtime/serving/frames.ts';
import { fromHalfBits, toHalfBits } from '../../lib/tensor-codec.ts';
import { parseJson } from '../../runtime/serving/json.ts';

describe('half precision', () => {
  test('every one of the 65,536 halves becomes a number and the same half again', () => {
    for (let bits = 0; bits < 0x10000; bits++) {
      const value = fromHalfBits(bits);
      if (Number.isNaN(value)) expect(toHalfBits(value)).toBe(0x7e00);
      else if (toHalfBits(value) !== bits) throw new Error(`${bits} became ${toHalfBits(value)}`);
    }
  });

  test('a number becomes its nearest half, ties to even', () => {
    fc.assert(
      fc.property(fc.float({ min: -65504, max: 65504, noNaN: true, noDefaultInfinity: true }), (value) => {
        const bits = toHalfBits(value);
        const error = Math.abs(fromHalfBits(bits) - value);
        for (const neighbour of [bits - 1, bits + 1]) {
          const other = fromHalfBits(neighbour & 0xffff);
          if (!Number.isFinite(other) || (neighbour & 0x8000) !== (bits & 0x8000)) continue;
          expect(error).toBeLessThanOrEqual(Math.abs(other - value));
          if (error === Math.abs(other - value)) expect(bits % 2).toBe(0);
        }
      }),
    );
    expect(toHalfBits(65519)).toBe(0x7bff);
    expect(toHalfBits(65520)).toBe(0x7c00);
    expect(toHalfBits(-0)).toBe(0x8000);
  });
});

describe('frames', () => {
  /** Sends bytes in pieces and collects what comes out. */
  function receive(bytes: Buffer, cuts: number[]): { frames: Frame[]; errors: Error[] } {
    const stream = new PassThrough();
    const frames: Frame[] = [];
    const errors: Error[] = [];
    readFrames(
      stream,
      (frame) => frames.push(frame),
      (error) => errors.push(error),
    );
    let from = 0;
    for (const cut of [...cuts.map((share) => Math.floor(share * bytes.length)).sort((a, b) => a - b), bytes.length]) {
      stream.emit('data', bytes.subarray(from, cut));
      from = cut;
    }
    return { frames, errors };
  }

  function written(messages: [object, Uint8Array[]][]): Buffer {
    const stream = new PassThrough();
    const parts: Buffer[] = [];
    stream.on('data', (part: Buffer) => parts.push(part));
    for (const [header, buffers] of messages) writeFrame(stream, header, buffers);
    let part: Buffer | null;
    while ((part = stream.read() as Buffer | null)) parts.push(part);
    return Buffer.concat(parts);
  }

  test('arrive whole however they are cut, each buffer aligned for every element type', () => {
    const message = fc.tuple(
      fc.record({ type: fc.string() }),
      fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 5 }),
    );
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 4 }),
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 }),
        (messages, cuts) => {
          const { frames, errors } = receive(written(messages), cuts);
          expect(errors).toEqual([]);
          expect(frames.map(({ header, buffers }) => [header, buffers.map((buffer) => [...buffer])])).toEqual(
            messages.map(([header, buffers]) => [header, buffers.map((buffer) => [...buffer])]),
          );
          for (const { buffers } of frames) for (const buffer of buffers) expect(buffer.byteOffset % 8).toBe(0);
        },
      ),
    );
  });

  test('that are nonsense are refused, never acted on', () => {
    const good = written([[{ type: 'x' }, [Uint8Array.of(1, 2, 3)]]]);
    fc.assert(
      fc.property(fc.nat(11), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const bad = Buffer.from(good);
        bad[at] = (bad[at] ?? 0) ^ flip;
        const { frames, errors } = receive(bad, []);
        expect(frames.length === 0 || errors.length === 0).toBe(true);
        if (at < 4) expect(errors).toHaveLength(1);
      }),
    );
  });
});

describe('JSON', () => {
  const parse = (text: string): unknown => parseJson(Buffer.from(text));
  test('keeps 64-bit integers exactly and everything else as JSON.parse has it', () => {
    expect(parse('[9007199254740993, -9223372036854775808, 1, 1.5, 12345678901234567.0, 1e20]')).toEqual([
      9007199254740993n,
      -9223372036854775808n,
      1,
      1.5,
      12345678901234568,
      1e20,
    ]);
    const rounded = (value: unknown): unknown =>
      JSON.parse(JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? Number(inner) : inner)));
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        fc.pre(!text.includes('__proto__'));
        expect(rounded(parse(text))).toEqual(JSON.parse(text));
      }),
    );
  });
});
