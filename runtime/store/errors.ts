import type { Fault } from '../contract.ts';

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

/** An error and its causes: clients wrap what a connection throws. */
function chain(error: unknown): object[] {
  const links: object[] = [];
  for (let at = error; typeof at === 'object' && at !== null && links.length < 10;) {
    links.push(at);
    at = 'cause' in at ? at.cause : undefined;
  }
  return links;
}

/** The StoreError among an error and its causes. */
export function storeErrorIn(error: unknown): StoreError | undefined {
  return chain(error).find((link) => link instanceof StoreError);
}

/** The system's code of an error or of its causes, such as ENOSPC or ECONNRESET. */
export function systemCode(error: unknown): string | undefined {
  const coded = chain(error).find((link) => 'code' in link && typeof link.code === 'string');
  return coded && 'code' in coded ? String(coded.code) : undefined;
}
