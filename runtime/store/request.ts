import type { Log } from '../../lib/log.ts';
import type { StorageConfig } from '../config.ts';
import type { StoreLimits } from './source.ts';

export interface ResolveRequest {
  uri: string;
  /** `sha256:HEX` that the deployment asks for: anything else is refused. */
  digest: string | undefined;
  /** `sha256:HEX` of what another replica loaded from this URI. */
  pinnedDigest: string | undefined;
  storage: StorageConfig;
  limits?: Partial<StoreLimits>;
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

/** Content of a model on this machine. */
export interface ResolvedModel {
  /** The .onnx or .ort file. */
  modelPath: string;
  directory: string;
  /** `sha256:HEX`. */
  digest: string;
}
