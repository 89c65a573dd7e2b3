import type { StorageConfig } from '../config.ts';
import { invalid, unsupported } from './errors.ts';
import { file } from './file.ts';
import { pvc } from './pvc.ts';
import { shownUri, type LocalContext } from './source.ts';
import { openBucket } from './writable-bucket.ts';
import { openDirectory } from './writable-directory.ts';
import { defaultWriteLimits, type WritableOptions, type WritablePlace } from './writable-place.ts';

/**
 * A folder that a job writes to: a directory of a volume, or a prefix of a bucket. Paths are relative, with `/`.
 * Every method rejects with StoreError: `StorageUnavailable`, `StorageFull`, `AccessDenied`; and `Invalid` for a path that is
 * none or leads out of the folder.
 */
export interface WritableFolder {
  /** Without a `/` at the end. */
  readonly uri: string;
  /** The bytes, in a buffer of their own; undefined where there is no file. */
  read(path: string): Promise<Uint8Array | undefined>;
  /** Bytes from `from` to below `to`, or to the file's end; undefined where there is no file. */
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

/**
 * Opens the folder that a URI names, and makes sure that it can keep its promises. Rejects with StoreError as its methods do;
 * besides, with `AddressNotAllowed`, and with `StorageUnsupported` where nothing can be written or created exactly once.
 */
export async function openWritableFolder(
  uri: string,
  storage: StorageConfig,
  options: WritableOptions,
): Promise<WritableFolder> {
  const { field, noun } = options;
  const cure = `Name a volume (pvc://CLAIM/PATH) or a bucket (s3://BUCKET/PREFIX) in ${field}.uri.`;
  const url = URL.canParse(uri) ? new URL(uri) : undefined;
  if (!url) throw invalid(`${field}.uri is no URI. ${cure}`);
  const shown = shownUri(url);
  if (url.search !== '' || url.hash !== '') {
    throw invalid(`${shown} has a query or a fragment, and a folder has none: write ? as %3F and # as %23.`);
  }
  const limits = { ...defaultWriteLimits, ...options.limits };
  const place: WritablePlace = { ...options, url, uri: shown.replace(/\/+$/, ''), storage, limits };
  const local: LocalContext = { url, shown, storage, subject: { noun, field, files: 'folder', named: () => 'folder' } };
  switch (url.protocol) {
    case 'pvc:':
      return openDirectory(place, await pvc(local));
    case 'file:':
      return openDirectory(place, await file(local));
    case 's3:':
      return openBucket(place);
    default:
      throw unsupported(`${shown}: nothing is ever written to ${url.protocol}// URIs. ${cure}`);
  }
}
