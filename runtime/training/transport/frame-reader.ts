import { TransportError } from './connection.ts';
import type { Reception } from './connection.ts';

/**
 * A frame:
 *
 *     u32 mark | u32 bytes of head | u64 bytes of payload | head: JSON in UTF-8 | payload
 *
 * Little-endian. A frame without head and payload is a heartbeat.
 */
const mark = 0x3159444d;
const prefixBytes = 16;

/** Of a peer that said hello; before, `maxHelloBytes`. */
export const maxHeadBytes = 1024 * 1024;
export const maxHelloBytes = 16 * 1024;

export function prefixOf(headBytes: number, payloadBytes: number): Buffer {
  const prefix = Buffer.allocUnsafe(prefixBytes);
  prefix.writeUInt32LE(mark, 0);
  prefix.writeUInt32LE(headBytes, 4);
  prefix.writeBigUInt64LE(BigInt(payloadBytes), 8);
  return prefix;
}

export const heartbeat = prefixOf(0, 0);

/** Says where the payload of a head goes; undefined: nowhere. */
export type OnHead = (head: unknown, payloadBytes: number) => Reception | undefined;

/** Takes bytes as they come and never holds more of them than a head: payloads go where `onHead` says. */
export class FrameReader {
  #onHead: OnHead;
  #maxHeadBytes: number;
  readonly #prefix = Buffer.allocUnsafe(prefixBytes);
  #head = Buffer.alloc(0);
  #stage: 'prefix' | 'head' | 'payload' = 'prefix';
  /** Bytes of this stage that came, and that are to come in all. */
  #filled = 0;
  #wanted = prefixBytes;
  #payloadBytes = 0;
  #reception: Reception | undefined;

  constructor(onHead: OnHead, maxBytes: number) {
    this.#onHead = onHead;
    this.#maxHeadBytes = maxBytes;
  }

  /** For the frames after the one whose `onHead` is running. */
  become(onHead: OnHead, maxBytes: number): void {
    this.#onHead = onHead;
    this.#maxHeadBytes = maxBytes;
  }

  /** Throws TransportError `Protocol`, and whatever `onHead` throws. It must not be called again after that. */
  push(chunk: Uint8Array): void {
    let offset = 0;
    while (offset < chunk.byteLength) {
      const taken = Math.min(this.#wanted - this.#filled, chunk.byteLength - offset);
      this.#keep(chunk.subarray(offset, offset + taken));
      this.#filled += taken;
      offset += taken;
      while (this.#filled === this.#wanted) this.#advance();
    }
  }

  /** No more bytes come. */
  end(): void {
    const reception = this.#reception;
    this.#reception = undefined;
    reception?.lost();
  }

  #keep(bytes: Uint8Array): void {
    if (this.#stage === 'prefix') this.#prefix.set(bytes, this.#filled);
    else if (this.#stage === 'head') this.#head.set(bytes, this.#filled);
    else this.#reception?.into.set(bytes, this.#filled);
  }

  #enter(stage: 'prefix' | 'head' | 'payload', wanted: number): void {
    this.#stage = stage;
    this.#filled = 0;
    this.#wanted = wanted;
  }

  #advance(): void {
    if (this.#stage === 'prefix') {
      this.#readPrefix();
    } else if (this.#stage === 'head') {
      const payloadBytes = this.#payloadBytes;
      const reception = this.#onHead(parsed(this.#head), payloadBytes);
      if (reception && reception.into.byteLength !== payloadBytes) {
        reception.lost();
        throw new TransportError(
          'Protocol',
          `a payload of ${payloadBytes} bytes came, not ${reception.into.byteLength}`,
        );
      }
      this.#reception = reception;
      this.#enter('payload', payloadBytes);
    } else {
      const reception = this.#reception;
      this.#reception = undefined;
      this.#enter('prefix', prefixBytes);
      reception?.done();
    }
  }

  #readPrefix(): void {
    if (this.#prefix.readUInt32LE(0) !== mark) {
      throw new TransportError('Protocol', 'what came is no frame: is this the port of another program?');
    }
    const headBytes = this.#prefix.readUInt32LE(4);
    this.#payloadBytes = Number(this.#prefix.readBigUInt64LE(8));
    if (headBytes > this.#maxHeadBytes) {
      throw new TransportError('Protocol', `a head of ${headBytes} bytes is above the limit of ${this.#maxHeadBytes}`);
    }
    if (headBytes === 0) {
      if (this.#payloadBytes > 0) throw new TransportError('Protocol', 'a payload came without a head');
      this.#enter('prefix', prefixBytes);
    } else {
      this.#head = Buffer.allocUnsafe(headBytes);
      this.#enter('head', headBytes);
    }
  }
}

function parsed(head: Buffer): unknown {
  try {
    return JSON.parse(head.toString('utf8'));
  } catch (error) {
    throw new TransportError('Protocol', 'the head of a frame is no JSON', { cause: error });
  }
}
