import { setTimeout as sleep } from 'node:timers/promises';
import { S3ServiceException } from '@aws-sdk/client-s3';
import { backoffMs } from '../../lib/backoff.ts';
import { storeErrorIn } from './errors.ts';
import { statusOf } from './s3-client.ts';
import type { WritablePlace } from './writable-place.ts';

const backoff = { baseMs: 100, maxMs: 5_000, jitter: 0.5 };

/** What servers say with a status of a lasting error: of content damaged on its way, of slowness, of clocks that differ. */
const passingNames = [
  'BadDigest',
  'RequestTimeout',
  'RequestTimeTooSkewed',
  'SlowDown',
  'ThrottlingException',
  'XAmzContentChecksumMismatch',
];

/** Whether the same request may succeed in a moment. */
function isPassing(error: unknown): boolean {
  if (storeErrorIn(error)) return false;
  const status = statusOf(error);
  // No answer that could be read: a cut connection, a name that does not resolve, a page that some proxy sent.
  if (status === undefined) return true;
  if (error instanceof S3ServiceException && passingNames.includes(error.name)) return true;
  return [408, 409, 429].includes(status) || (status >= 500 && status !== 501 && status !== 507);
}

/**
 * Makes a request until it is answered with something that stays so, for `retryForMs` after its first failure. Rejects with what
 * the last attempt was rejected with.
 *
 * @param request is told how many attempts came before, each of which may have had its effect
 */
export async function retried<T>(
  request: (earlier: number) => Promise<T>,
  { signal, now, random, log, limits, uri }: WritablePlace,
): Promise<T> {
  let until: number | undefined;
  for (let failures = 0; ;) {
    signal.throwIfAborted();
    try {
      return await request(failures);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      failures += 1;
      until ??= now() + limits.retryForMs;
      const delayMs = backoffMs(failures, backoff, random);
      if (!isPassing(error) || now() + delayMs > until) throw error;
      const reason = error instanceof Error ? error.name : String(error);
      log.warn({ uri, failures, reason, status: statusOf(error) }, 'a request to the bucket failed; trying again');
      await sleep(delayMs, undefined, { signal });
    }
  }
}
