import { afterEach, describe, expect, it } from '@jest/globals';
import type { Connection } from '../../../../runtime/training/transport/connection.ts';
import { Link, type LinkOptions } from '../../../../runtime/training/transport/link.ts';
import type { Listener } from '../../../../runtime/training/transport/listener.ts';
import { freePort } from '../../../support/free-port.ts';
import { eventually } from '../../../support/eventually.ts';
import { hello, listening, Recorder, silent, timing } from './peers.ts';

const listeners: Listener[] = [];
const links: Link[] = [];

afterEach(async () => {
  for (const link of links.splice(0)) link.close();
  await Promise.all(listeners.splice(0).map((listener) => listener.close()));
});

async function start(...parameters: Parameters<typeof listening>) {
  const started = await listening(...parameters);
  listeners.push(started.listener);
  return started;
}

function link(port: number, options: Partial<LinkOptions> = {}): { link: Link; opened: Connection[] } {
  const opened: Connection[] = [];
  const made = new Link({
    peer: { host: '127.0.0.1', port },
    hello,
    tls: undefined,
    timing,
    random: () => 0.5,
    log: silent,
    open: (connection) => {
      opened.push(connection);
      return new Recorder();
    },
    ...options,
  });
  links.push(made);
  return { link: made, opened };
}

describe('a link', () => {
  it('is there as soon as its peer is', async () => {
    const port = await freePort();
    const { link: made, opened } = link(port);
    expect(made.connection).toBeUndefined();
    await new Promise((resolve) => setTimeout(resolve, 200));
    await start({ port });
    await eventually(() => expect(opened).toHaveLength(1), 5_000, 20);
    expect(made.connection).toBe(opened[0]);
  });

  it('is made again when its peer comes back', async () => {
    const port = await freePort();
    const first = await start({ port });
    const { link: made, opened } = link(port);
    await eventually(() => expect(opened).toHaveLength(1), 5_000, 20);
    await first.listener.close();
    await eventually(() => expect(made.connection).toBeUndefined(), 5_000, 20);
    await start({ port });
    await eventually(() => expect(opened).toHaveLength(2), 5_000, 20);
  });

  it('is tried again after a refusal, unless that is final', async () => {
    let refusals = 0;
    const { listener } = await start({
      admit: () => {
        refusals++;
        return { code: 'NotReady', message: 'later' };
      },
    });
    link(listener.port);
    await eventually(() => expect(refusals).toBeGreaterThan(2), 5_000, 20);

    const codes: (string | undefined)[] = [];
    const superseded = await start({ admit: () => ({ code: 'Superseded', message: 'another took over' }) });
    link(superseded.listener.port, {
      failed: ({ refusal }) => {
        codes.push(refusal);
        return true;
      },
    });
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(codes).toEqual(['Superseded']);
  });

  it('is made again ever more slowly where each connection is lost at once', async () => {
    const { listener, accepted } = await start();
    const { opened } = link(listener.port, {
      open: (connection) => {
        opened.push(connection);
        setImmediate(() => connection.destroy());
        return new Recorder();
      },
    });
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    // After 50, 100, 200 and 400 ms, where it would be 20 of them every 50 ms.
    expect(accepted.length).toBeGreaterThan(2);
    expect(accepted.length).toBeLessThan(7);
  });

  it('stays closed once it was closed', async () => {
    const { listener, accepted } = await start();
    const { link: made, opened } = link(listener.port);
    await eventually(() => expect(opened).toHaveLength(1), 5_000, 20);
    made.close();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(accepted).toHaveLength(1);
    expect(made.connection).toBeUndefined();
  });
});
