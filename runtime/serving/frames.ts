import type { Duplex, Readable } from 'node:stream';
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

/** Writes a frame. Large buffers are not copied, and must not change before `onWritten`, which is not called where the socket fails. */
export function writeFrame(
  socket: Duplex,
  header: object,
  buffers: readonly Uint8Array[],
  onWritten: () => void = () => undefined,
): void {
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
    onWritten();
    return;
  }
  socket.cork();
  const last = parts.pop();
  for (const part of parts) socket.write(part);
  socket.write(last, (error) => {
    if (!error) onWritten();
  });
  socket.uncork();
}

/** Memory for the body of a frame: of this length, from a multiple of 8. */
type BodyMemory = (bytes: number) => Uint8Array;

/** Memory of its own costs a garbage collection its share, so small bodies come from a pool, which keeps to multiples of 8. */
const newMemory: BodyMemory = (bytes) => Buffer.allocUnsafe(bytes);

/** Larger bodies get memory of their own. */
const keptBytes = 32 * 1024 * 1024;

/** The same memory again for each body, where the one before it is no longer needed. */
export function reusedMemory(): BodyMemory {
  let kept = Buffer.alloc(0);
  return (bytes) => {
    if (bytes > keptBytes) return newMemory(bytes);
    if (bytes > kept.byteLength) kept = Buffer.allocUnsafeSlow(Math.min(keptBytes, 2 * bytes));
    return kept.subarray(0, bytes);
  };
}

/** What is read at once where it is not known yet what it is. */
const scratchBytes = 64 * 1024;

/** What Node calls `onread`: gives the memory that a socket reads into, and is told how much came. */
interface FrameReading {
  buffer: () => Uint8Array;
  /** False: it wants no more. */
  callback: (length: number) => boolean;
}

/**
 * How a socket reads frames: large bodies straight into their memory, which takes a third of the time that chunks take. Calls `onFrame` for
 * each frame, and `onError` once at the first byte that makes no sense.
 */
export function framesOf(
  onFrame: (frame: Frame) => void,
  onError: (error: Error) => void,
  memory: BodyMemory = newMemory,
): FrameReading {
  const reader = new FrameReader(onFrame, memory);
  let failed = false;
  return {
    buffer: () => reader.target(),
    callback: (length) => {
      if (failed) return false;
      try {
        reader.received(length);
      } catch (error) {
        failed = true;
        onError(error instanceof Error ? error : new ProtocolError(String(error)));
      }
      return !failed;
    },
  };
}

/** From a stream that cannot read into memory of ours. */
export function readFrames(stream: Readable, { buffer, callback }: FrameReading): void {
  const take = (chunk: Uint8Array): void => {
    for (let offset = 0; offset < chunk.byteLength;) {
      const part = chunk.subarray(offset, offset + buffer().byteLength);
      buffer().set(part);
      offset += part.byteLength;
      if (callback(part.byteLength)) continue;
      stream.off('data', take);
      return;
    }
  };
  stream.on('data', take);
}

class FrameReader {
  readonly #onFrame: (frame: Frame) => void;
  readonly #memory: BodyMemory;
  readonly #prefix = Buffer.alloc(prefixBytes);
  readonly #scratch = Buffer.allocUnsafeSlow(scratchBytes);
  #header = Buffer.alloc(0);
  #body: Uint8Array = Buffer.alloc(0);
  #stage: 'prefix' | 'header' | 'body' = 'prefix';
  #filled = 0;

  constructor(onFrame: (frame: Frame) => void, memory: BodyMemory) {
    this.#onFrame = onFrame;
    this.#memory = memory;
  }

  /** Where the next bytes should be put. */
  target(): Uint8Array {
    return this.#isDirect() ? this.#body.subarray(this.#filled) : this.#scratch;
  }

  /** So many bytes were put into `target`. Throws ProtocolError. */
  received(length: number): void {
    if (!this.#isDirect()) {
      this.#push(this.#scratch.subarray(0, length));
      return;
    }
    this.#filled += length;
    if (this.#filled === this.#body.byteLength) this.#finish();
  }

  #isDirect(): boolean {
    return this.#stage === 'body' && this.#body.byteLength - this.#filled >= scratchBytes;
  }

  #push(chunk: Uint8Array): void {
    let offset = 0;
    for (;;) {
      const part = this.#part();
      const wanted = part.byteLength - this.#filled;
      const taken = Math.min(wanted, chunk.byteLength - offset);
      part.set(chunk.subarray(offset, offset + taken), this.#filled);
      this.#filled += taken;
      offset += taken;
      if (taken < wanted) return;
      this.#finish();
      if (offset === chunk.byteLength && this.#part().byteLength > 0) return;
    }
  }

  #part(): Uint8Array {
    return this.#stage === 'prefix' ? this.#prefix : this.#stage === 'header' ? this.#header : this.#body;
  }

  /** The part is whole: what comes next? */
  #finish(): void {
    this.#filled = 0;
    if (this.#stage === 'prefix') {
      if (this.#prefix.readUInt32LE(0) !== magic) throw new ProtocolError('a frame does not begin with its mark');
      const headerBytes = this.#prefix.readUInt32LE(4);
      const bodyBytes = this.#prefix.readUInt32LE(8);
      if (headerBytes > maxHeaderBytes || bodyBytes > maxBodyBytes) throw new ProtocolError('a frame is too large');
      this.#header = Buffer.allocUnsafe(headerBytes);
      this.#body = this.#memory(bodyBytes);
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
