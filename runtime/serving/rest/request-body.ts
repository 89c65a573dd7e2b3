import type { Readable } from 'node:stream';
import { invalid, RequestError } from '../../errors.ts';
import { limits } from '../limits.ts';
import { release } from '../release.ts';

/** A body as it arrives; one that is decompressed says how much of the compressed one has come. */
export type Payload = Readable & { receivedEncodedLength?: number };

/**
 * A whole body, in memory that nobody else uses. Rejects with RequestError, and with what the payload fails with.
 *
 * @param contentLength the header of that name
 */
export function readBody(payload: Payload, contentLength: string | undefined): Promise<Buffer> {
  const announced = contentLength === undefined ? undefined : Number(contentLength);
  const encodedLength = (): number | undefined => payload.receivedEncodedLength;
  const isEncoded = encodedLength() !== undefined;
  return new Promise((resolve, reject) => {
    if (announced !== undefined && announced > limits.requestBytes) {
      reject(tooLarge());
      return;
    }
    const body = new Body(isEncoded ? undefined : announced);
    const end = (settle: () => void): void => {
      payload.off('data', take).off('end', finish).off('error', fail);
      settle();
    };
    const take = (chunk: Buffer): void => {
      const isTooLarge = body.length + chunk.byteLength > limits.requestBytes;
      if (isTooLarge || (encodedLength() ?? 0) > limits.requestBytes) end(() => reject(tooLarge()));
      else unlessNoMemory(() => body.add(chunk));
    };
    const finish = (): void =>
      end(() => {
        const received = encodedLength() ?? body.length;
        if (announced === undefined || received === announced) unlessNoMemory(() => resolve(body.whole()));
        else reject(invalid('Content-Length: does not match the body'));
      });
    // What a listener throws would end the process.
    const unlessNoMemory = (work: () => void): void => {
      try {
        work();
      } catch {
        end(() => reject(new RequestError('NotReady', 'body: there is no memory for it now', 1)));
      }
    };
    const fail = (error: Error): void => end(() => reject(Object.assign(error, { statusCode: 400 })));
    payload.on('data', take).on('end', finish).on('error', fail);
  });
}

const tooLarge = (): RequestError =>
  new RequestError('TooLarge', `body: at most ${limits.requestBytes} bytes are allowed`);

/** A body that announces more than this gets its memory when so much has come: to announce costs nothing. */
const trustedBytes = 1024 * 1024;

/** Chunks in their order. Where their length is announced, each is copied to its place and given back at once. */
class Body {
  readonly #announced: number;
  #memory: Buffer | undefined;
  #copied = 0;
  #chunks: Buffer[] = [];
  #length = 0;

  constructor(announced = 0) {
    this.#announced = announced;
  }

  get length(): number {
    return this.#length;
  }

  add(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#length += chunk.byteLength;
    const fits = this.#length <= this.#announced && chunk.byteLength < this.#announced;
    const isTrusted = this.#announced <= trustedBytes || this.#length >= trustedBytes;
    if (fits && isTrusted) this.#copy();
  }

  #copy(): void {
    this.#memory ??= Buffer.allocUnsafeSlow(this.#announced);
    for (const chunk of this.#chunks.splice(0)) {
      this.#memory.set(chunk, this.#copied);
      this.#copied += chunk.byteLength;
      release(chunk);
    }
  }

  whole(): Buffer {
    const [first, ...others] = this.#chunks;
    if (this.#memory) return this.#memory;
    return first && others.length === 0 ? first : Buffer.concat(this.#chunks, this.#length);
  }
}
