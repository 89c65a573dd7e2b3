import { PassThrough, Readable } from 'node:stream';
import { describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { limits } from '../../../../runtime/serving/limits.ts';
import { readBody, type Payload } from '../../../../runtime/serving/rest/request-body.ts';

/** Memory of its own for each, as Node's HTTP parser gives it. */
const chunk = (bytes: Uint8Array): Buffer => Buffer.from(Uint8Array.from(bytes).buffer);

const payloadOf = (chunks: readonly Uint8Array[]): Readable => Readable.from(chunks.map(chunk), { objectMode: false });

const bytes = (length: number, seed = 0): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (index * 7 + seed) % 251);

describe('the body of a request', () => {
  test('comes out whole however it arrives, whether its length is announced or not', async () => {
    const parts = fc.array(fc.uint8Array({ minLength: 1, maxLength: 60_000, size: 'max' }), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(parts, fc.boolean(), async (chunks, isAnnounced) => {
        const sent = Buffer.concat(chunks);
        const body = await readBody(payloadOf(chunks), isAnnounced ? String(sent.byteLength) : undefined);
        expect(body.equals(sent)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  test('is the only thing in its memory, so that this can be given back', async () => {
    for (const chunks of [[bytes(100_000)], [bytes(65_536), bytes(65_536, 1), bytes(5, 2)]]) {
      const length = chunks.reduce((sum, { byteLength }) => sum + byteLength, 0);
      const body = await readBody(payloadOf(chunks), String(length));
      expect(body.buffer.byteLength).toBe(length);
    }
  });

  test('gives back each chunk that it copied', async () => {
    const chunks = [bytes(65_536), bytes(65_536, 1)].map(chunk);
    const payload = new PassThrough();
    const body = readBody(payload, '131072');
    for (const part of chunks) payload.emit('data', part);
    payload.end();
    expect((await body).byteLength).toBe(131_072);
    expect(chunks.map(({ byteLength }) => byteLength)).toEqual([0, 0]);
  });

  test('is refused by what it announces before any of it is read', async () => {
    const payload = payloadOf([bytes(10)]);
    const announced = String(limits.requestBytes + 1);
    await expect(readBody(payload, announced)).rejects.toMatchObject({ code: 'TooLarge' });
    expect(payload.listenerCount('data')).toBe(0);
  });

  test('is refused as soon as it is larger than allowed, and the rest is not kept', async () => {
    const payload = new PassThrough();
    const body = readBody(payload, undefined);
    const part = Buffer.alloc(limits.requestBytes);
    payload.emit('data', part);
    payload.emit('data', Buffer.alloc(1));
    await expect(body).rejects.toMatchObject({ code: 'TooLarge' });
    expect(payload.listenerCount('data')).toBe(0);
  });

  test('is refused where it is shorter or longer than announced', async () => {
    for (const announced of ['0', '99', '101', '200']) {
      const refused = readBody(payloadOf([bytes(60), bytes(40)]), announced);
      await expect(refused).rejects.toMatchObject({ message: 'Content-Length: does not match the body' });
    }
  });

  test('that was compressed is compared by its compressed length, and bounded by both', async () => {
    const encoded = (chunks: Uint8Array[], receivedEncodedLength: number): Payload =>
      Object.assign(payloadOf(chunks), { receivedEncodedLength });
    expect((await readBody(encoded([bytes(100), bytes(100)], 50), '50')).byteLength).toBe(200);
    await expect(readBody(encoded([bytes(100)], 50), '100')).rejects.toMatchObject({ code: 'InvalidArgument' });
    const compressed = encoded([bytes(100)], limits.requestBytes + 1);
    await expect(readBody(compressed, undefined)).rejects.toMatchObject({ code: 'TooLarge' });
  });

  test('takes no memory for what is announced before a part of it came', async () => {
    const allocate = jest.spyOn(Buffer, 'allocUnsafeSlow');
    const payload = new PassThrough();
    const announced = 3 * 1024 * 1024;
    const body = readBody(payload, String(announced));
    const parts = [bytes(1), bytes(1024 * 1024, 1), bytes(2 * 1024 * 1024 - 1, 2)];
    payload.emit('data', chunk(bytes(1)));
    expect(allocate).not.toHaveBeenCalled();
    for (const part of parts.slice(1)) payload.emit('data', chunk(part));
    payload.end();
    expect(Buffer.compare(await body, Buffer.concat(parts))).toBe(0);
    expect(allocate.mock.calls).toEqual([[announced]]);
    allocate.mockRestore();
  });

  test.each([
    ['allocUnsafeSlow', '20'],
    ['concat', undefined],
  ] as const)('that finds no memory is refused, and nothing else ends (%s)', async (method, announced) => {
    const body = readBody(payloadOf([bytes(10), bytes(10)]), announced);
    const failing = jest.spyOn(Buffer, method).mockImplementation(() => {
      throw new RangeError('Array buffer allocation failed');
    });
    await expect(body).rejects.toMatchObject({ code: 'NotReady', retryAfterSeconds: 1 });
    failing.mockRestore();
  });

  test('that breaks off is the fault of its sender', async () => {
    const payload = new PassThrough();
    const body = readBody(payload, '100');
    payload.destroy(new Error('aborted'));
    await expect(body).rejects.toMatchObject({ message: 'aborted', statusCode: 400 });
  });
});
