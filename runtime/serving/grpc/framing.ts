import { constants } from 'node:buffer';
import { promisify } from 'node:util';
import { gunzip, inflate } from 'node:zlib';
import { invalid, RequestError } from '../../errors.ts';

/** gRPC's messages on the wire: u8 compressed | u32 bytes of message, big-endian | message. */
const prefixBytes = 5;

export interface WireMessage {
  isCompressed: boolean;
  data: Buffer;
}

/** The prefix of a message that is not compressed. */
export function messagePrefix(parts: readonly Uint8Array[]): Buffer {
  const length = parts.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const prefix = Buffer.allocUnsafe(prefixBytes);
  prefix.writeUInt8(0, 0);
  prefix.writeUInt32BE(length, 1);
  return prefix;
}

/** Finds the messages in a stream of chunks. One that lies in a single chunk is a view of it; others are copied once. */
export class MessageDecoder {
  readonly #maxBytes: number;
  readonly #prefix = Buffer.alloc(prefixBytes);
  #prefixFilled = 0;
  #body: Buffer | undefined;
  #bodyFilled = 0;
  #isCompressed = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** True while the chunks so far end within a message. */
  get isWithinMessage(): boolean {
    return this.#prefixFilled > 0 || this.#body !== undefined;
  }

  /** Throws RequestError for a message that is too large, before memory is set aside for it. */
  push(chunk: Buffer): WireMessage[] {
    const messages: WireMessage[] = [];
    let offset = 0;
    while (offset < chunk.byteLength) {
      if (!this.#body) {
        offset = this.#readPrefix(chunk, offset);
        if (this.#prefixFilled < prefixBytes) break;
        offset = this.#begin(chunk, offset, messages);
        continue;
      }
      const taken = Math.min(this.#body.byteLength - this.#bodyFilled, chunk.byteLength - offset);
      chunk.copy(this.#body, this.#bodyFilled, offset, offset + taken);
      this.#bodyFilled += taken;
      offset += taken;
      if (this.#bodyFilled === this.#body.byteLength) {
        messages.push({ isCompressed: this.#isCompressed, data: this.#body });
        this.#body = undefined;
      }
    }
    return messages;
  }

  #readPrefix(chunk: Buffer, offset: number): number {
    const taken = Math.min(prefixBytes - this.#prefixFilled, chunk.byteLength - offset);
    chunk.copy(this.#prefix, this.#prefixFilled, offset, offset + taken);
    this.#prefixFilled += taken;
    return offset + taken;
  }

  #begin(chunk: Buffer, offset: number, messages: WireMessage[]): number {
    this.#prefixFilled = 0;
    const flag = this.#prefix.readUInt8(0);
    const length = this.#prefix.readUInt32BE(1);
    if (flag > 1) throw invalid('the message does not begin as a gRPC message does');
    if (length > this.#maxBytes) throw tooLarge(this.#maxBytes);
    if (chunk.byteLength - offset >= length) {
      messages.push({ isCompressed: flag === 1, data: chunk.subarray(offset, offset + length) });
      return offset + length;
    }
    this.#body = Buffer.allocUnsafeSlow(length);
    this.#bodyFilled = 0;
    this.#isCompressed = flag === 1;
    return offset;
  }
}

const inflaters = { gzip: promisify(gunzip), deflate: promisify(inflate) } as const;

/** What `grpc-accept-encoding` says. */
export const acceptedEncodings = `identity,${Object.keys(inflaters).join()}`;

/**
 * The message as it was before the client compressed it. Rejects with RequestError.
 *
 * @param encoding the call's `grpc-encoding`
 */
export async function decompressed(
  { isCompressed, data }: WireMessage,
  encoding: string | undefined,
  maxBytes: number,
): Promise<Buffer> {
  if (!isCompressed) return data;
  if (encoding !== 'gzip' && encoding !== 'deflate') {
    const shown = JSON.stringify((encoding ?? '').slice(0, 100));
    throw new RequestError('MethodNotAllowed', `grpc-encoding: ${shown} is not one of ${acceptedEncodings}`);
  }
  try {
    return await inflaters[encoding](data, { maxOutputLength: Math.min(maxBytes, constants.MAX_LENGTH) });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(maxBytes);
    throw invalid(`the message is not compressed as grpc-encoding says, ${encoding}`);
  }
}

const tooLarge = (maxBytes: number): RequestError =>
  new RequestError('TooLarge', `the message is larger than the ${maxBytes} bytes that are allowed`);
