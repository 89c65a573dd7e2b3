import type { Duplex } from 'node:stream';
import { ProtocolError } from '../errors.ts';

/**
 * Frames on the socket between the front process and a model process.
 *
 *     u32 magic | u32 bytes of header | u32 bytes of body | header: JSON | body: buffers, each from a multiple of 8
 *
 * Little-endian. The header's `buffers` lists the length of each buffer. A received body is one allocation, so that its
 * buffers are aligned for every typed array and reach ONNX Runtime without another copy.
 */
export interface Frame {
  header: Record<string, unknown>;
  buffers: Uint8Array[];
}

const magic = 0x314d594d;
const prefixBytes = 12;
const maxHeaderBytes = 64 * 1024 * 1024;
const maxBodyBytes = 0x7fff_ff00;

/** Up to here the parts of a frame are copied together: one write costs less than several. */
const joinedBytes = 16 * 1024;

const padded = (length: number): number => Math.ceil(length / 8) * 8;
const padding = Buffer.alloc(8);

/** Writes a frame; large buffers are not copied, and must not change afterwards. */
export function writeFrame(socket: Duplex, header: object, buffers: readonly Uint8Array[]): void {
  const text = Buffer.from(JSON.stringify({ ...header, buffers: buffers.map(({ byteLength }) => byteLength) }));
  const bodyBytes = buffers.reduce((sum, { byteLength }) => sum + padded(byteLength), 0);
  if (bodyBytes > maxBodyBytes || text.byteLength > maxHeaderBytes) throw new ProtocolError('a frame is too large');
  const prefix = Buffer.allocUnsafe(prefixBytes);
  prefix.writeUInt32LE(magic, 0);
  prefix.writeUInt32LE(text.byteLength, 4);
  prefix.writeUInt32LE(bodyBytes, 8);
  const parts: Uint8Array[] = [prefix, text];
  for (const buffer of buffers) {
    if (buffer.byteLength > 0) parts.push(buffer);
    const rest = padded(buffer.byteLength) - buffer.byteLength;
    if (rest > 0) parts.push(padding.subarray(0, rest));
  }
  const bytes = prefixBytes + text.byteLength + bodyBytes;
  if (bytes <= joinedBytes) {
    socket.write(Buffer.concat(parts, bytes));
    return;
  }
  socket.cork();
  for (const part of parts) socket.write(part);
  socket.uncork();
}

/** Calls `onFrame` for each frame, and `onError` once at the first byte that makes no sense. */
export function readFrames(socket: Duplex, onFrame: (frame: Frame) => void, onError: (error: Error) => void): void {
  const reader = new FrameReader(onFrame);
  socket.on('data', (chunk: Buffer) => {
    try {
      reader.push(chunk);
    } catch (error) {
      socket.removeAllListeners('data');
      onError(error instanceof Error ? error : new ProtocolError(String(error)));
    }
  });
}

class FrameReader {
  readonly #onFrame: (frame: Frame) => void;
  readonly #prefix = Buffer.alloc(prefixBytes);
  #header = Buffer.alloc(0);
  #body: Uint8Array = Buffer.alloc(0);
  #stage: 'prefix' | 'header' | 'body' = 'prefix';
  #filled = 0;

  constructor(onFrame: (frame: Frame) => void) {
    this.#onFrame = onFrame;
  }

  push(chunk: Buffer): void {
    let offset = 0;
    for (;;) {
      const target = this.#target();
      const wanted = target.byteLength - this.#filled;
      const taken = Math.min(wanted, chunk.byteLength - offset);
      target.set(chunk.subarray(offset, offset + taken), this.#filled);
      this.#filled += taken;
      offset += taken;
      if (taken < wanted) return;
      this.#filled = 0;
      this.#advance();
      if (offset === chunk.byteLength && this.#target().byteLength > 0) return;
    }
  }

  #target(): Uint8Array {
    return this.#stage === 'prefix' ? this.#prefix : this.#stage === 'header' ? this.#header : this.#body;
  }

  #advance(): void {
    if (this.#stage === 'prefix') {
      if (this.#prefix.readUInt32LE(0) !== magic) throw new ProtocolError('a frame does not begin with its mark');
      const headerBytes = this.#prefix.readUInt32LE(4);
      const bodyBytes = this.#prefix.readUInt32LE(8);
      if (headerBytes > maxHeaderBytes || bodyBytes > maxBodyBytes) throw new ProtocolError('a frame is too large');
      // Memory of its own costs a garbage collection its share, so small ones come from a pool, which keeps to multiples of 8.
      this.#header = Buffer.allocUnsafe(headerBytes);
      this.#body = Buffer.allocUnsafe(bodyBytes);
      this.#stage = 'header';
    } else if (this.#stage === 'header') {
      this.#stage = 'body';
    } else {
      this.#stage = 'prefix';
      this.#onFrame(parse(this.#header, this.#body));
    }
  }
}

function parse(text: Buffer, body: Uint8Array): Frame {
  const header: unknown = JSON.parse(text.toString('utf8'));
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    throw new ProtocolError('a header is no object');
  const { buffers: lengths, ...rest } = header as Record<string, unknown>;
  if (!Array.isArray(lengths)) throw new ProtocolError('a header lists no buffers');
  let offset = 0;
  const buffers = lengths.map((length: unknown) => {
    if (
      typeof length !== 'number' ||
      !Number.isSafeInteger(length) ||
      length < 0 ||
      offset + length > body.byteLength
    ) {
      throw new ProtocolError('a buffer reaches beyond its frame');
    }
    const buffer = body.subarray(offset, offset + length);
    offset += padded(length);
    return buffer;
  });
  return { header: rest, buffers };
}
