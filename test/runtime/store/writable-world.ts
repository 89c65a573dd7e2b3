import { createLog } from '../../../lib/log.ts';
import type { StorageConfig } from '../../../runtime/config.ts';
import { StoreError } from '../../../runtime/store/errors.ts';
import { openWritableFolder, type WritableFolder } from '../../../runtime/store/writable-folder.ts';
import type { WritableOptions } from '../../../runtime/store/writable-place.ts';

export interface Opening {
  uri: string;
  storage: Partial<StorageConfig>;
  options?: Partial<WritableOptions>;
}

/** Opens a folder as a job opens its checkpoints. Loopback is allowed, as on the laptop. */
export function openFolder({ uri, storage, options }: Opening): Promise<WritableFolder> {
  return openWritableFolder(
    uri,
    {
      endpoint: undefined,
      region: undefined,
      ca: undefined,
      allowedCidrs: ['127.0.0.0/8'],
      cacheDir: '/nowhere',
      cacheMaxBytes: Infinity,
      volumesDir: '/nowhere',
      allowFileUris: true,
      credentials: {},
      ...storage,
    },
    {
      noun: 'checkpoints',
      field: 'spec.checkpoint',
      signal: new AbortController().signal,
      now: () => performance.timeOrigin + performance.now(),
      random: () => 0.5,
      log: createLog('test', 'silent'),
      ...options,
    },
  );
}

/** What a promise of the store is rejected with. */
export async function storeErrorOf(promise: Promise<unknown>): Promise<StoreError> {
  const error = await promise.then(
    (value) => new Error(`there was no error but ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  );
  if (!(error instanceof StoreError)) throw error;
  return error;
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

export const text = (content: Uint8Array | undefined): string | undefined =>
  content && new TextDecoder().decode(content);
