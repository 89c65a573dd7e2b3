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
  signal: AbortSignal;
  log: Log;
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
