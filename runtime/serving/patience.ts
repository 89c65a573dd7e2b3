import { RequestError } from '../errors.ts';

/** Waits for work that goes on for others. Rejects with RequestError where the client left, or waited as long as it may. */
export async function orGiveUp(work: Promise<void>, timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
  const over = Promise.withResolvers<never>();
  const leave = (): void => over.reject(new RequestError('Cancelled', 'the client went away'));
  const timer = setTimeout(
    () => over.reject(new RequestError('DeadlineExceeded', `no answer within ${timeoutMs} ms`)),
    timeoutMs,
  );
  if (signal?.aborted) leave();
  signal?.addEventListener('abort', leave, { once: true });
  try {
    await Promise.race([work, over.promise]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', leave);
  }
}
