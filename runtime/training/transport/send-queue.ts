import type { Socket } from 'node:net';

/** Bytes of one write. No more than two of these wait in the socket at a time. */
const writeBytes = 1024 * 1024;
/** What follows something shorter does not wait until that is written. */
const shortBytes = 64 * 1024;

interface Item {
  head: Uint8Array;
  payload: Uint8Array | undefined;
  settle: (sent: boolean) => void;
}

/** Writes frames one after the other in pieces, without joining or copying them, as fast as the socket takes them. */
export class SendQueue {
  readonly #socket: Socket;
  readonly #items: Item[] = [];
  #writing = false;
  #ended = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  get idle(): boolean {
    return !this.#writing;
  }

  /** Resolves once the system has all of it: true; or once it will never have: false. */
  add(head: Uint8Array, payload?: Uint8Array): Promise<boolean> {
    return new Promise((settle) => {
      if (this.#ended) {
        settle(false);
        return;
      }
      this.#items.push({ head, payload, settle });
      if (!this.#writing) void this.#write();
    });
  }

  end(): void {
    this.#ended = true;
    if (!this.#writing) for (const { settle } of this.#items.splice(0)) settle(false);
  }

  async #write(): Promise<void> {
    this.#writing = true;
    for (let item = this.#items.shift(); item; item = this.#items.shift()) {
      const { head, payload, settle } = item;
      const written = this.#ended ? Promise.resolve(false) : this.#writeItem(item);
      if (head.byteLength + (payload?.byteLength ?? 0) < shortBytes) void written.then(settle);
      else settle(await written);
    }
    this.#writing = false;
  }

  async #writeItem({ head, payload }: Item): Promise<boolean> {
    const first = payload?.subarray(0, writeBytes);
    this.#socket.cork();
    let written = this.#piece(head);
    if (first && first.byteLength > 0) written = this.#piece(first);
    this.#socket.uncork();
    for (let offset = writeBytes; payload && offset < payload.byteLength; offset += writeBytes) {
      const next = this.#piece(payload.subarray(offset, offset + writeBytes));
      await written;
      written = next;
    }
    // Where one piece failed, so did the last one.
    return written;
  }

  #piece(bytes: Uint8Array): Promise<boolean> {
    return new Promise((resolve) => {
      if (this.#ended) resolve(false);
      else this.#socket.write(bytes, (error) => resolve(!error));
    });
  }
}
