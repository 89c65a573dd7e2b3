import type { Log } from '../../lib/log.ts';
import type { StorageConfig } from '../config.ts';
import type { StoreLimits } from './source.ts';

export interface ContentRequest {
  uri: string;
  /** What messages call it: `data`. */
  noun: string;
  /** The field of the spec that holds the URI and its storage: `spec.train.data`. */
  field: string;
  storage: StorageConfig;
  limits?: Partial<StoreLimits>;
}

export interface ResolveRequest extends Omit<ContentRequest, 'noun'> {
  /** `sha256:HEX` that the deployment asks for: anything else is refused. */
  digest: string | undefined;
  /** `sha256:HEX` of what another replica loaded from this URI. */
  pinnedDigest: string | undefined;
}

export interface Progress {
  phase: 'Resolving' | 'Downloading';
  bytesDone?: number;
  bytesTotal?: number;
}

export interface StoreHooks {
  onProgress(progress: Progress): void;
  /** Ends the work; then, when the work is done, the use of what it got. Until then nobody removes that from the cache. */
  signal: AbortSignal;
  log: Log;
  cacheEvents?: CacheEvents;
}

/** What becomes of a cache. */
export interface CacheEvents {
  /** Content was wanted that is kept in the cache: it was there, or came, or was there and damaged, so that it came again. */
  looked(result: 'hit' | 'miss' | 'damaged'): void;
  /** Bytes were removed, for room. */
  pruned(bytes: number): void;
  /** Bytes in the cache, of all who share it, as they were counted last. */
  holds(bytes: number): void;
}

/** Files that lie on this machine. */
export interface Content {
  /** Of the file or of the folder. */
  path: string;
  /** `sha256:HEX`. */
  digest: string;
}

/** Content of a model on this machine. */
export interface ResolvedModel {
  /** The .onnx or .ort file. */
  modelPath: string;
  directory: string;
  /** `sha256:HEX`. */
  digest: string;
}
