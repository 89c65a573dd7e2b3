import type { Readable } from 'node:stream';
import type { StorageConfig } from '../config.ts';
import type { Checksum } from './checksum.ts';
import type { Connections } from './connections.ts';

export interface StoreLimits {
  /** Of a folder, a prefix or an archive. */
  files: number;
  /** Of all files together, as they lie on the disk. */
  bytes: number;
  /** An archive may unpack to this many times its size, and 64 MiB. */
  archiveRatio: number;
  redirects: number;
  connectTimeoutMs: number;
  /** How long a server may send nothing. */
  stallTimeoutMs: number;
  /** Cuts in a row, none of which brought a byte, before the download is given up. */
  cuts: number;
}

export const defaultLimits: StoreLimits = {
  files: 10_000,
  bytes: 512 * 1024 ** 3,
  archiveRatio: 100,
  redirects: 5,
  connectTimeoutMs: 10_000,
  stallTimeoutMs: 60_000,
  cuts: 4,
};

/** What is looked for. Schemes and messages differ by it. */
export interface Subject {
  /** As messages call it: `model`. */
  noun: string;
  /** The field of the spec that messages send to: `spec.model`. */
  field: string;
  /** The files that it may be, beside archives, as messages call them. */
  files: string;
  /** What the last part of a URI's path must name. Where it may be either, a file goes before a folder. */
  named(name: string): 'file' | 'folder' | 'either';
  /**
   * The paths to get of a repository that holds more than is needed. Absent: all. Throws StoreError where they cannot be told.
   *
   * @param named the file that the URI names, where it names one
   */
  select?(paths: readonly string[], named: string | undefined, shown: string): readonly string[];
}

/** What a scheme works with. */
export interface SourceContext {
  subject: Subject;
  url: URL;
  /** The URI as messages may show it: without credentials and query. */
  shown: string;
  storage: StorageConfig;
  limits: StoreLimits;
  connections: Connections;
  signal: AbortSignal;
}

export interface RemoteFile {
  /** Relative to the folder, with `/`. */
  path: string;
  size: number | undefined;
  /** A strong validator of the content: equal versions are equal bytes. Absent: a cut download starts over. */
  version: string | undefined;
  /** Other content is refused. */
  checksum?: Checksum;
  /**
   * Opens the content from a byte on. The answer may start at 0 instead, where the content changed or the server has no
   * ranges. Rejects with StoreError where trying again at once is no use.
   */
  open(offset: number): Promise<RemoteBody>;
}

export interface RemoteBody {
  stream: Readable;
  offset: number;
  /** Of the whole file. */
  size: number | undefined;
  version: string | undefined;
}

/** On this machine already; `root` is what links may not leave. */
export interface LocalSource {
  kind: 'local';
  path: string;
  root: string;
}

/** What becomes of a layer: a file of the folder, or an archive that is unpacked into it. */
type LayerContent =
  | { title: string }
  | {
      compression: Compression;
      /** The path in the folder of an entry; undefined where it is none of it. */
      select: (path: string) => string | undefined;
    };

/** Each lies on those before it, and may hide what they hold. */
export interface Layer extends RemoteFile {
  content: LayerContent;
}

/** The layers together make a folder. */
export type RemoteSource =
  { kind: 'file' | 'archive' | 'folder'; files: RemoteFile[] } | { kind: 'layers'; files: Layer[] };

type Source = LocalSource | RemoteSource;

/** What it takes to find a place on this machine. */
export type LocalContext = Pick<SourceContext, 'url' | 'shown' | 'storage' | 'subject'>;

/** Finds what a URI names. Rejects with StoreError. */
export type Scheme = (context: SourceContext) => Promise<Source>;

export type Compression = 'none' | 'gzip' | 'zstd';

export const isArchive = (path: string): boolean => /\.(tar|tar\.gz|tgz)$/i.test(path);

/** A URI as messages show it: without credentials and without the query, which may be a signature. */
export function shownUri(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}${url.search === '' ? '' : '?…'}`;
}

/** Shortens a file's name for a message. */
export const quoted = (name: string): string => JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name);

/**
 * Why a relative path cannot be a file of a folder: it would leave its folder, or its line in the folder's manifest would
 * not be unique.
 */
export function pathProblem(path: string): string | undefined {
  if (path.startsWith('/')) return 'is absolute';
  const parts = path.split('/');
  if (parts.includes('..')) return 'leaves the folder';
  if (parts.some((part) => part === '' || part === '.')) return 'has an empty part';
  if (/[\\\p{Cc}]/u.test(path)) {
    return 'has a control character or a backslash';
  }
  if (Buffer.byteLength(path) > 1024 || parts.some((part) => Buffer.byteLength(part) > 255)) return 'is too long';
  return undefined;
}

/** One remote file whose version the first answer tells; that answer is used when the download starts at 0. */
export async function singleFile(path: string, open: RemoteFile['open']): Promise<RemoteFile> {
  let held: RemoteBody | undefined = await open(0);
  held.stream.on('error', () => undefined);
  const { size, version } = held;
  return {
    path,
    size,
    version,
    open(offset) {
      const body = held;
      held = undefined;
      if (body && offset === 0 && !body.stream.destroyed) return Promise.resolve(body);
      body?.stream.destroy();
      return open(offset);
    },
  };
}
