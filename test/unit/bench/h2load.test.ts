import { describe, expect, test } from '@jest/globals';
import { checkSummary, parseLog, parseSummary } from '../../../bench/serving/h2load.ts';

const printed = `Main benchmark duration is over for thread #0. Stopping all clients.

finished in 1.00s, 1280.00 req/s, 202.50KB/s
requests: 1280 total, 1288 started, 1280 done, 1280 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 1280 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 202.50KB (207360) total, 145.11KB (148596) headers (space savings 0.00%), 8.76KB (8967) data
                     min         max         mean         sd        +/- sd
time for request:       80us    225.30ms      6.24ms     25.02ms    97.27%
`;

describe('what h2load prints', () => {
  test('is read', () => {
    expect(parseSummary(printed)).toEqual({ requestsPerSecond: 1280, done: 1280, failed: 0, dataBytes: 8967 });
  });

  test('counts as failed what failed, and what was answered with another status than 2xx', () => {
    expect(parseSummary(printed.replace('0 failed', '3 failed')).failed).toBe(3);
    const redirected = printed.replace('1280 2xx, 0 3xx', '1278 2xx, 2 3xx');
    expect(parseSummary(redirected).failed).toBe(2);
  });

  test('is refused where it is something else', () => {
    expect(() => parseSummary('h2load: connection refused')).toThrow('h2load printed nothing like');
  });
});

describe('the log of answers', () => {
  test('holds latencies', () => {
    expect(parseLog('1795659398616065\t200\t10546\n1795659398616070\t200\t607\n')).toEqual([10.546, 0.607]);
  });

  test('is refused where a line is strange', () => {
    expect(() => parseLog('1795659398616065\t200\n')).toThrow('strange line');
  });
});

describe('a round of load', () => {
  const good = { requestsPerSecond: 100, done: 100, failed: 0, dataBytes: 700 };

  test('counts where everything was answered, also with an answer that came as time ran out', () => {
    expect(() => checkSummary(good, 7, 8)).not.toThrow();
    expect(() => checkSummary({ ...good, dataBytes: 707 }, 7, 8)).not.toThrow();
  });

  test('fails with one request that failed, and without any answer', () => {
    expect(() => checkSummary({ ...good, failed: 1 }, 7, 8)).toThrow('1 of 100 requests failed');
    expect(() => checkSummary({ ...good, done: 0, dataBytes: 0 }, 7, 8)).toThrow('nothing was answered');
  });

  test('fails with a gRPC error, which has no message', () => {
    expect(() => checkSummary({ ...good, dataBytes: 693 }, 7, 8)).toThrow('some were errors');
  });

  test('fails with longer answers than more clients could have left behind', () => {
    expect(() => checkSummary({ ...good, dataBytes: 757 }, 7, 8)).toThrow('some were errors');
  });
});
