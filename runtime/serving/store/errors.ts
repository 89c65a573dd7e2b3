import type { Fault } from '../../contract.ts';

/** Why a model's content cannot be had. The message names the URI, never a path of the container or a credential. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: Fault['reason'];
  readonly fault: Fault;

  constructor(reason: Fault['reason'], message: string, options: { retrying: boolean; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.code = reason;
    this.fault = { reason, message, retrying: options.retrying };
  }
}

export const notFound = (message: string): StoreError => new StoreError('ModelNotFound', message, { retrying: true });

export const denied = (message: string): StoreError => new StoreError('AccessDenied', message, { retrying: true });

export const unavailable = (message: string, cause?: unknown): StoreError =>
  new StoreError('StorageUnavailable', message, { retrying: true, cause });

export const invalidModel = (message: string): StoreError =>
  new StoreError('InvalidModel', message, { retrying: false });

export const archiveRefused = (message: string): StoreError =>
  new StoreError('ArchiveRefused', message, { retrying: false });

export const addressNotAllowed = (message: string): StoreError =>
  new StoreError('AddressNotAllowed', message, { retrying: false });

/** The StoreError among an error and its causes: clients wrap what a connection throws. */
export function storeErrorIn(error: unknown): StoreError | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 10; at = at.cause, depth++) {
    if (at instanceof StoreError) return at;
  }
  return undefined;
}

/** The system's code of an error or of its causes, such as ENOSPC or ECONNRESET. */
export function systemCode(error: unknown): string | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 10; at = at.cause, depth++) {
    if ('code' in at && typeof at.code === 'string') return at.code;
  }
  return undefined;
}
