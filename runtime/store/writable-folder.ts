/**
 * A folder that a job writes to: a directory of a volume, or a prefix of a bucket. Paths are relative, with `/`.
 * Every method rejects with StoreError: `StorageUnavailable`, `StorageFull`, `AccessDenied`.
 */
export interface WritableFolder {
  /** Without a `/` at the end. */
  readonly uri: string;
  /** Undefined where there is none. */
  read(path: string): Promise<Uint8Array | undefined>;
  /** Bytes from `from` to below `to`; undefined where there is no file. */
  readRange(path: string, from: number, to: number): Promise<Uint8Array | undefined>;
  /** Replaces whole or not at all: a reader never sees a part. */
  write(path: string, parts: readonly Uint8Array[]): Promise<void>;
  /** Creates whole or not at all. False: there is one already, of whatever content. Of many at a time exactly one is told true. */
  create(path: string, content: Uint8Array): Promise<boolean>;
  /** Paths of all files whose path begins with the prefix, sorted. */
  list(prefix: string): Promise<string[]>;
  /** Gone already is no error. */
  remove(path: string): Promise<void>;
  close(): Promise<void>;
}
