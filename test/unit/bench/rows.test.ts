import { expect, test } from '@jest/globals';
import { besideEcho, besideOne, besideSame, best, only } from '../../../bench/serving/rows.ts';
import type { Protocol } from '../../../bench/serving/requests.ts';
import type { Result } from '../../../bench/serving/turns.ts';

const about = (median: number) => ({ median, lowest: median * 0.9, highest: median * 1.1 });

const result = (server: string, protocol: Protocol | undefined, median: number): Result => ({
  server,
  protocol,
  batch: 1,
  requestsPerSecond: about(median),
  p50Ms: about(1_000 / median),
  p99Ms: about(2_000 / median),
  cpuUs: about(900_000 / median),
});

const ours = [result('Modelyard', 'REST JSON', 5_000), result('Modelyard', 'gRPC', 4_000)];
const peers = [result('A', 'REST JSON', 500), result('A', 'gRPC', 1_000), result('B', 'REST JSON', 250)];

test('a protocol is compared with every server that speaks it and with no other protocol', () => {
  const rows = besideSame('tiny', [...ours, ...peers], peers);
  expect(rows.map(({ what, ours, reference, referenceName }) => [what, ours, reference, referenceName])).toEqual([
    ['tiny, REST JSON', 5_000, 500, 'A'],
    ['tiny, REST JSON', 5_000, 250, 'B'],
    ['tiny, gRPC', 4_000, 1_000, 'A'],
  ]);
});

test('a row has the ranges of both sides and what a request took there', () => {
  const [row] = besideSame('tiny', ours, peers);
  expect(row).toMatchObject({
    unit: 'requests/s',
    oursRange: { lowest: 4_500, highest: 5_500 },
    referenceRange: { lowest: 450, highest: 550 },
    oursDetails: { p50Ms: 0.2, p99Ms: 0.4, cpuUs: 180 },
    referenceDetails: { p50Ms: 2, p99Ms: 4, cpuUs: 1_800 },
  });
});

test('each of our protocols is compared with a loop that has none', () => {
  const rows = besideOne('tiny', [...ours, ...peers], result('raw', undefined, 10_000), 'raw');
  expect(rows.map(({ what, ours, reference }) => [what, ours, reference])).toEqual([
    ['tiny, REST JSON', 5_000, 10_000],
    ['tiny, gRPC', 4_000, 10_000],
  ]);
});

test('our latency is compared with that of an echo and that of a run added up', () => {
  const echoes = [result('echo', 'gRPC', 10_000)];
  expect(besideEcho('tiny', ours, echoes, result('raw', undefined, 20_000))).toEqual([
    {
      what: 'tiny, gRPC: p50',
      unit: 'ms',
      ours: 0.25,
      oursRange: about(0.25),
      reference: 0.1 + 0.05,
      referenceName: 'echo + raw',
    },
  ]);
});

test('the best peer is the one with the most requests, whatever it speaks', () => {
  expect(best(peers)).toMatchObject({ server: 'A', protocol: 'gRPC' });
  expect(() => best([])).toThrow('nothing was measured');
});

test('a reference that was measured twice or never is refused', () => {
  expect(only(peers, 'B')).toBe(peers[2]);
  expect(() => only(peers, 'A')).toThrow('A was not measured once');
  expect(() => only(peers, 'C')).toThrow('C was not measured once');
});
