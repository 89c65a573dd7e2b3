import { connect } from 'node:net';
import { expect, test } from '@jest/globals';
import { hostileHosts } from './hostile-addresses.ts';
import { attempt, ways } from './hostile-ways.ts';

test('there are as many hostile hosts as promised', () => {
  expect(new Set(hostileHosts).size).toBeGreaterThanOrEqual(40);
});

test.each([...ways])('no hostile host is connected to by way of $what', async (way) => {
  expect(await attempt(way, hostileHosts)).toEqual({ tried: hostileHosts.length, slips: [], arrived: 0, dialled: [] });
});

test('a connection to one would have been seen, both where it begins and where it arrives', async () => {
  const slip = {
    what: 'no check',
    uri: () => 'http://127.0.0.2/m.onnx',
    server: async (target: URL) => {
      const socket = connect(Number(target.port), '127.0.0.2').resume();
      await new Promise((resolve) => socket.on('error', resolve).on('close', resolve));
      return { port: 0, close: () => Promise.resolve() };
    },
  };
  const { arrived, dialled } = await attempt(slip, ['127.0.0.2']);
  expect([arrived, dialled]).toEqual([1, ['127.0.0.2']]);
});
