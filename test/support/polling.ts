/** A poller of reports whose pods are played by a real HTTP server. */
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach } from '@jest/globals';
import { ReportPoller, type ReportKind } from '../../operator/controllers/reports.ts';
import type { KubeObject } from '../../operator/kube/object.ts';

const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

export interface PollingOptions {
  timeoutMs?: number;
}

/** Starts a poller whose pods are all answered by one handler; it ends with the test. */
export async function polling<Report>(
  kind: ReportKind<Report>,
  pods: readonly KubeObject[],
  handler: RequestListener,
  options: PollingOptions = {},
) {
  const asked: string[] = [];
  const looks: string[] = [];
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const poller = new ReportPoller(kind, {
    fetch: (url, init) => {
      const text = url instanceof Request ? url.url : url.toString();
      asked.push(text);
      return fetch(`http://127.0.0.1:${port}/report?of=${new URL(text).hostname}`, init);
    },
    now: () => performance.now(),
    wait: (milliseconds, signal) => delay(milliseconds, undefined, { signal }),
    eagerMs: 40,
    ...options,
  });
  const stop = new AbortController();
  const store = { get: () => undefined, ownedBy: () => [], list: () => pods };
  const done = poller.run(
    () => store,
    (key) => looks.push(key),
    stop.signal,
  );
  closers.push(async () => {
    stop.abort();
    await done;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { poller, asked, looks, stop, done };
}

export async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('the condition did not come true in 20 s');
    await delay(10);
  }
}
