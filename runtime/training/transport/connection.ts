import type { GenericSchema } from 'valibot';

/** Where the payload of a message goes while it arrives. Exactly one of `done` and `lost` is called, once. */
export interface Reception {
  /** As long as the payload. Filled piece by piece: worth nothing before `done`. */
  into: Uint8Array;
  done(): void;
  /** The connection ended before the payload did. */
  lost(): void;
}

/**
 * What one end of a connection does with what arrives. A message that the schema does not know ends the connection, as does one for which
 * `message` or a reception throws TransportError: that is the other end's fault. Whatever else they throw is thrown on and ends the process: a
 * connection that is made again would meet with the same.
 */
export interface Receiver<In> {
  schema: GenericSchema<unknown, In>;
  /** Undefined: the payload, if there is one, is thrown away as it arrives. */
  message(message: In, payloadBytes: number): Reception | undefined;
  /** Once, after the last message; the error that ended it, if one did. */
  closed(error: TransportError | undefined): void;
}

/** Numbers as they lie in memory. */
export type Payload = Float32Array | Float64Array | Uint8Array;

/** One end of a connection whose peers said hello to each other. `Out` is what this end may say. */
export interface Connection<Out extends { type: string } = { type: string }> {
  /** False from the moment it ended, before `closed` was called. */
  readonly open: boolean;
  /**
   * Messages leave in the order of these calls. Resolves once the payload may be changed: true when it was handed to the system, false when the
   * connection ended before. Never rejects.
   */
  send(message: Out, payload?: Payload): Promise<boolean>;
  /** Ends it once what was sent before is out. */
  end(): void;
  /** Ends it now. */
  destroy(error?: TransportError): void;
}

/** Why a connection ended or did not come about. */
export type TransportCode =
  | 'Unreachable'
  /** The certificate of either end was not accepted. */
  | 'Untrusted'
  | 'Refused'
  /** The other end does not speak our protocol. */
  | 'Protocol'
  /** Nothing was heard from the other end for too long. */
  | 'Silent'
  | 'Closed';

export class TransportError extends Error {
  override readonly name = 'TransportError';
  readonly code: TransportCode;
  /** Of `Refused`: the code that the other end gave. */
  readonly refusal: string | undefined;

  constructor(code: TransportCode, message: string, options: { refusal?: string; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.refusal = options.refusal;
  }
}

/** The same receiver, but that `blame` is called where the connection ends for what the other end said. */
export function watched(receiver: Receiver<unknown>, blame: (error: TransportError) => void): Receiver<unknown> {
  return {
    schema: receiver.schema,
    message: (message, payloadBytes) => receiver.message(message, payloadBytes),
    closed: (error) => {
      if (error?.code === 'Protocol') blame(error);
      receiver.closed(error);
    },
  };
}

/** Throws TransportError `Protocol` where the bytes are no whole float64 numbers. */
export function float64Of(payload: Uint8Array): Float64Array {
  if (payload.byteLength % Float64Array.BYTES_PER_ELEMENT > 0) {
    throw new TransportError('Protocol', `${payload.byteLength} bytes are no numbers of 8 bytes each`);
  }
  return new Float64Array(payload.slice().buffer);
}

export const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);
