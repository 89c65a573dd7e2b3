import { Duplex, PassThrough } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { framesOf, readFrames, reusedMemory, writeFrame, type Frame } from '../../runtime/serving/frames.ts';
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
      framesOf(
        (frame) => frames.push(frame),
        (error) => errors.push(error),
      ),
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

describe('frames that are read into memory', () => {
  const scratchBytes = 64 * 1024;
  const numbered = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => (index * 31) % 251);

  /** What a socket does with its `onread`: at most so many bytes at a time. */
  function read(bytes: Uint8Array, atMost: number, memory = reusedMemory()) {
    const frames: { header: object; buffers: Buffer[] }[] = [];
    const errors: Error[] = [];
    const found: Uint8Array[] = [];
    const onFrame = ({ header, buffers }: Frame): void => {
      frames.push({ header, buffers: buffers.map((buffer) => Buffer.from(buffer)) });
      found.push(...buffers);
    };
    const { buffer, callback } = framesOf(onFrame, (error) => errors.push(error), memory);
    /** Bytes that were read into the memory of a tensor that was found before. */
    let direct = 0;
    for (let offset = 0; offset < bytes.byteLength;) {
      const target = buffer();
      const part = bytes.subarray(offset, offset + Math.min(target.byteLength, atMost));
      target.set(part);
      offset += part.byteLength;
      const goesOn = callback(part.byteLength);
      if (found.some((tensor) => tensor.buffer === target.buffer)) direct += part.byteLength;
      if (!goesOn) break;
    }
    return { frames, errors, direct };
  }

  const sent = (...messages: Uint8Array[][]): Buffer => {
    const stream = new PassThrough({ highWaterMark: 1e9 });
    for (const buffers of messages) writeFrame(stream, { type: 'x' }, buffers);
    return stream.read() as Buffer;
  };

  test('arrive whole whatever their sizes, large and small in turns, however much comes at a time', () => {
    const lengths = [0, 1, 7, 8, scratchBytes - 1, scratchBytes, scratchBytes + 1, 3 * scratchBytes + 5, 602_112];
    const sizes = fc.array(fc.constantFrom(...lengths), { maxLength: 4 });
    const atMost = fc.constantFrom(1_000, scratchBytes, 212_992, 1_048_576);
    fc.assert(
      fc.property(fc.array(sizes, { minLength: 1, maxLength: 4 }), atMost, (messages, piece) => {
        const all = messages.map((parts) => parts.map(numbered));
        const { frames, errors } = read(sent(...all), piece);
        expect(errors).toEqual([]);
        expect(frames.map(({ buffers }) => buffers.map(({ byteLength }) => byteLength))).toEqual(messages);
        frames.forEach(({ buffers }, message) =>
          buffers.forEach((buffer, index) =>
            expect(buffer.equals(all[message]?.[index] ?? Buffer.alloc(0))).toBe(true),
          ),
        );
      }),
      { numRuns: 60 },
    );
  });

  test('are not copied where they are large', () => {
    const { direct } = read(sent([numbered(602_112)], [numbered(602_112)]), 200_000);
    expect(direct).toBeGreaterThan(500_000);
  });

  test('may lie where the last one lay, unless they are larger', () => {
    const memory = reusedMemory();
    const of = (length: number): ArrayBufferLike => memory(length).buffer;
    const first = of(100_000);
    expect([of(0), of(50_000), of(200_000)]).toEqual([first, first, first]);
    const second = of(300_000);
    expect(second).not.toBe(first);
    expect(of(300_000)).toBe(second);
    const huge = of(33 * 1024 * 1024);
    expect(huge).not.toBe(second);
    expect(of(33 * 1024 * 1024)).not.toBe(huge);
    expect(of(600_000)).toBe(second);
    expect(memory(600_001).byteLength).toBe(600_001);
  });

  test('that are nonsense end it: what comes after is not looked at', () => {
    const good = sent([numbered(200_000)]);
    const bad = Buffer.from(good);
    bad.writeUInt32LE(100, 8);
    const { frames, errors } = read(Buffer.concat([bad, good]), 1_048_576);
    expect(frames).toEqual([]);
    expect(errors).toHaveLength(1);
  });

  test('say when they are written, at once where they were copied, and never where the socket failed', async () => {
    const writes: (() => void)[] = [];
    const write = (_chunk: unknown, _encoding: string, done: () => void): void => void writes.push(done);
    const socket = new Duplex({ read: () => undefined, write });
    socket.on('error', () => undefined);
    const written: string[] = [];
    writeFrame(socket, {}, [numbered(1_000)], () => written.push('small'));
    expect(written).toEqual(['small']);
    writeFrame(socket, {}, [numbered(20_001)], () => written.push('large'));
    while (writes.length > 0 && !written.includes('large')) {
      expect(written).toEqual(['small']);
      writes.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(written).toEqual(['small', 'large']);
    writeFrame(socket, {}, [numbered(20_001)], () => written.push('never'));
    socket.destroy(new Error('gone'));
    for (const done of writes) done();
    await new Promise((resolve) => setImmediate(resolve));
    expect(written).toEqual(['small', 'large']);
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
