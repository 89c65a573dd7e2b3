/** Takes a stream of bytes apart into pieces of given lengths. */
export class ByteReader {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** The next bytes: as many as that, or fewer at the end. */
  async read(length: number): Promise<Buffer> {
    const parts = [this.#rest];
    for (let missing = length - this.#rest.length; missing > 0;) {
      const next = await this.#chunks.next();
      if (next.done === true) break;
      parts.push(next.value);
      missing -= next.value.length;
    }
    const all = parts.length === 1 ? this.#rest : Buffer.concat(parts);
    this.#rest = all.subarray(length);
    return all.subarray(0, length);
  }

  /** Ends the stream, whether or not it was read to its end. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}
