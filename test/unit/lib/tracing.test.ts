import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { startTracing, type SpanParts, type Tracing } from '../../../lib/tracing.ts';

/** A collector that takes what comes and never answers. */
let silent: Server;
beforeEach(async () => {
  silent = createServer((request) => void request.resume());
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
});
afterEach(
  () =>
    new Promise<void>((resolve) => {
      silent.close(() => resolve());
      silent.closeAllConnections();
    }),
);

const told: string[] = [];
const log = { warn: (_what: object, text: string) => void told.push(text) } as unknown as Parameters<
  typeof startTracing
>[1];

const start = (samplingRatio = 1): Promise<Tracing> =>
  startTracing(
    {
      endpoint: `http://127.0.0.1:${(silent.address() as AddressInfo).port}/`,
      samplingRatio,
      serviceName: 'test',
      attributes: {},
    },
    log,
  );

const span: SpanParts = { name: 'work', kind: 'internal', beganAt: 1_000, endedAt: 2_000 };

describe('recording spans', () => {
  test('holds a bounded number of them for a collector that does not answer, and never waits for it', async () => {
    const tracing = await start();
    const begin = performance.now();
    for (let index = 0; index < 10_000; index++) tracing.record(span, tracing.root);
    expect(performance.now() - begin).toBeLessThan(2_000);
    expect(tracing.dropped()).toBe(10_000 - 2_048);
    expect(told).toEqual([expect.stringContaining('spans are lost')]);
    const stopping = performance.now();
    await tracing.stop();
    expect(performance.now() - stopping).toBeLessThan(3_000);
  }, 20_000);

  test('gives a parent to the spans below only where the trace is recorded', async () => {
    const [all, none] = [await start(1), await start(0)];
    const parent = all.record(span, all.root);
    expect(parent && all.identityOf(parent)?.traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(none.record(span, none.root)).toBeUndefined();
    await Promise.all([all.stop(), none.stop()]);
  }, 20_000);

  test('takes a caller at its word, and a header that is none for no caller', async () => {
    const tracing = await start(0);
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const caller = tracing.callerOf({ traceparent: `00-${traceId}-b7ad6b7169203331-01` });
    const recorded = tracing.record(span, caller);
    expect(recorded && tracing.identityOf(recorded)?.traceId).toBe(traceId);
    for (const traceparent of [
      '',
      'nonsense',
      `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
      `ff-${traceId}-b7ad6b7169203331-01`,
    ])
      expect(tracing.record(span, tracing.callerOf({ traceparent }))).toBeUndefined();
    await tracing.stop();
  }, 20_000);
});
