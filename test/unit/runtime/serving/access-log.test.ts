import { openSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { createRegistry } from '../../../../lib/metrics.ts';
import { bufferedOutput, createAccessLog } from '../../../../runtime/serving/access-log.ts';
import type { ObservedRequest } from '../../../../runtime/serving/observed-request.ts';
import { createServingMetrics } from '../../../../runtime/serving/serving-metrics.ts';

const metrics = createServingMetrics(createRegistry({ ofProcess: false }));
const traceId = '0af7651916cd43dd8448eb211c80319c';

const request: ObservedRequest = {
  protocol: 'rest',
  arrival: {
    path: '/v2/models/digits/infer',
    route: '/v2/models/:model/infer',
    requestId: 'r-1',
    headers: { authorization: 'Bearer sesame', traceparent: `00-${traceId}-b7ad6b7169203331-01` },
    clientAddress: () => '10.0.0.7',
    caller: { by: 'ApiKey', name: 'alice' } as const,
    bytesIn: 120,
    find: () => {
      throw new Error('was found');
    },
  },
  model: { model: 'digits', version: '1' },
  code: 'ok',
  status: 200,
  bytesOut: 80,
  beganAt: 1_000,
  endedAt: 1_012.3456789,
  timeline: {
    queuedAt: 1_000.5,
    run: {
      beganAt: 1_004,
      endedAt: 1_012,
      requests: 3,
      times: {
        executions: [
          { rows: 2, inferMs: 4 },
          { rows: 1, inferMs: 1.5 },
        ],
        inputMs: 1,
        runMs: 7,
      },
    },
  },
};

function lineOf(given: Partial<ObservedRequest>): Record<string, unknown> {
  const lines: string[] = [];
  createAccessLog('All', metrics, { write: (line) => lines.push(line) }).write({ ...request, ...given }, undefined);
  expect(lines).toHaveLength(1);
  return JSON.parse(lines[0] ?? '') as Record<string, unknown>;
}

describe('a line of the access log', () => {
  test('names the request, its outcome and its times, and nothing of its headers', () => {
    expect(lineOf({})).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      name: 'modelyard-access',
      msg: 'request',
      requestId: 'r-1',
      traceId,
      client: '10.0.0.7',
      caller: 'alice',
      callerBy: 'ApiKey',
      protocol: 'rest',
      path: '/v2/models/digits/infer',
      model: 'digits',
      version: '1',
      code: 'ok',
      status: 200,
      bytesIn: 120,
      bytesOut: 80,
      durationMs: 12.346,
      queueMs: 3.5,
      runMs: 8,
      computeMs: 5.5,
      batchRequests: 3,
    });
  });

  test('leaves the query out, where secrets travel, and cuts what clients make long', () => {
    const path = `/v2/models/${'a'.repeat(10_000)}/infer?access_token=sesame`;
    const { path: logged } = lineOf({ arrival: { ...request.arrival, path } });
    expect(logged).toBe(`/v2/models/${'a'.repeat(189)}`);
  });

  test('of a request that never ran says how long it waited', () => {
    const line = lineOf({ code: 'DeadlineExceeded', status: 504, timeline: { queuedAt: 1_002, run: undefined } });
    expect(line).toMatchObject({ code: 'DeadlineExceeded', queueMs: 10.346 });
    expect(Object.keys(line)).not.toContain('runMs');
  });

  test('of a request whose run goes on says how long it ran', () => {
    const run = { beganAt: 1_004, endedAt: undefined, requests: 1, times: undefined };
    const line = lineOf({ code: 'DeadlineExceeded', timeline: { queuedAt: 1_000, run } });
    expect(line).toMatchObject({ queueMs: 4, runMs: 8.346 });
    expect(Object.keys(line)).not.toContain('computeMs');
  });

  test('of a request for what nobody serves names no model', () => {
    const line = lineOf({ code: 'NotFound', model: { model: '', version: '' } });
    expect(Object.keys(line)).not.toContain('model');
    expect(line.path).toBe('/v2/models/digits/infer');
  });

  test('that cannot be written is counted, and ends nothing', async () => {
    const fd = openSync('/dev/null', 'r');
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const log = createAccessLog(
      'All',
      metrics,
      bufferedOutput(fd, () => resolve(undefined)),
    );
    for (let line = 0; line < 10; line++) log.write(request, undefined);
    await promise;
  });

  test('is there for failures alone where that is asked for', () => {
    const failures = createAccessLog('Failed', metrics, { write: () => undefined });
    expect([failures.wants('ok'), failures.wants('QueueFull'), failures.wants('Bug')]).toEqual([false, true, true]);
  });
});
