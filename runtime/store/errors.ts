/** What became of a place and its content. Whoever asks has names of its own for these. */
export type StoreCode =
  | 'NotFound'
  /** It is there but is not what was asked for, or the URI is none. */
  | 'Invalid'
  | 'DigestMismatch'
  | 'ArchiveRefused'
  | 'AccessDenied'
  | 'AddressNotAllowed'
  | 'StorageUnavailable'
  /** Of the place that is written to, or of the cache. */
  | 'StorageFull'
  /** The place cannot keep what is promised of it, whatever is tried. */
  | 'StorageUnsupported';

/** Why content cannot be had or kept. The message names the URI, never a path of the container or a credential. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: StoreCode;
  /** True where the same request may still succeed. */
  readonly retrying: boolean;

  constructor(code: StoreCode, message: string, options: { retrying: boolean; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.code = code;
    this.retrying = options.retrying;
  }
}

export const notFound = (message: string): StoreError => new StoreError('NotFound', message, { retrying: true });

export const denied = (message: string): StoreError => new StoreError('AccessDenied', message, { retrying: true });

export const unavailable = (message: string, cause?: unknown): StoreError =>
  new StoreError('StorageUnavailable', message, { retrying: true, cause });

export const full = (message: string, cause?: unknown): StoreError =>
  new StoreError('StorageFull', message, { retrying: true, cause });

export const unsupported = (message: string): StoreError =>
  new StoreError('StorageUnsupported', message, { retrying: false });

export const invalid = (message: string): StoreError => new StoreError('Invalid', message, { retrying: false });

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

/** Whether a file system or a quota has no room left. */
export const isFull = (error: unknown): boolean => ['ENOSPC', 'EDQUOT'].includes(systemCode(error) ?? '');

/** Whether the same request may succeed in a moment: a connection broke, or a server says that it has trouble. */
export function isPassing(error: unknown): boolean {
  const own = storeErrorIn(error);
  if (own) return own.retrying && own.code === 'StorageUnavailable';
  return systemCode(error) !== undefined;
}
