import { StoreError } from '../../../../runtime/store/errors.ts';
import type { WritableFolder } from '../../../../runtime/store/writable-folder.ts';

/** A folder without a disk, whose next operations can be made to fail. */
export class MemoryFolder implements WritableFolder {
  readonly uri = 'memory://folder';
  readonly files = new Map<string, Uint8Array>();
  /** What each write, creation, reading, listing or removal rejects with; undefined: it works. */
  fails: (path: string) => StoreError | undefined = () => undefined;
  /** Nothing is done before this resolves. */
  ready: Promise<unknown> = Promise.resolve();

  read(path: string): Promise<Uint8Array | undefined> {
    return this.#do(path, () => this.files.get(path));
  }

  readRange(path: string, from: number, to: number): Promise<Uint8Array | undefined> {
    return this.#do(path, () => this.files.get(path)?.slice(from, to));
  }

  write(path: string, parts: readonly Uint8Array[]): Promise<void> {
    return this.#do(path, () => void this.files.set(path, Uint8Array.from(Buffer.concat(parts))));
  }

  create(path: string, content: Uint8Array): Promise<boolean> {
    return this.#do(path, () => {
      if (this.files.has(path)) return false;
      this.files.set(path, Uint8Array.from(content));
      return true;
    });
  }

  list(prefix: string): Promise<string[]> {
    return this.#do(prefix, () => [...this.files.keys()].filter((path) => path.startsWith(prefix)).sort());
  }

  remove(path: string): Promise<void> {
    return this.#do(path, () => void this.files.delete(path));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Changes one byte in the middle of a file. */
  damage(path: string): void {
    const bytes = this.files.get(path);
    if (!bytes) throw new Error(`there is no ${path}`);
    const middle = Math.floor(bytes.byteLength / 2);
    bytes[middle] = (bytes[middle] ?? 0) ^ 1;
  }

  async #do<T>(path: string, act: () => T): Promise<T> {
    await this.ready;
    const error = this.fails(path);
    if (error) throw error;
    return act();
  }
}

export const storageIsFull = new StoreError('StorageFull', 'memory://folder has no space left', { retrying: true });
export const storageIsAway = new StoreError('StorageUnavailable', 'memory://folder does not answer', {
  retrying: true,
});
