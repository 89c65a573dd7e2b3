import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, test } from '@jest/globals';
import { createLog } from '../../lib/log.ts';
import { systemClock } from '../../operator/kube/clock.ts';
import type { HttpClient } from '../../operator/kube/http-client.ts';
import { Reflector } from '../../operator/kube/reflector.ts';
import { Store } from '../../operator/kube/store.ts';
import { eventually } from '../support/eventually.ts';
import { answer, scriptedServer, type Handler } from './scripted-server.ts';

const kind = { apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true };
const item = (name: string, resourceVersion: string) => ({
  metadata: { name, namespace: 'n', uid: name, resourceVersion, managedFields: [{}] },
});
const event = (type: string, object: object): string => `${JSON.stringify({ type, object })}\n`;

const closers: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function serve(handler: Handler): Promise<{ client: HttpClient; connections: () => number }> {
  const server = await scriptedServer(handler);
  closers.push(() => server.close());
  return { client: await server.client({ watchSilenceMs: 2_000 }), connections: server.connections };
}

const until = (condition: () => boolean): Promise<void> => eventually(() => expect(condition()).toBe(true), 25_000, 10);

describe('the reflector over HTTP', () => {
  test.each([
    ['410 as a status', (r: ServerResponse) => answer(r, 410, { reason: 'Expired', code: 410 })],
    ['410 as an ERROR event', (r: ServerResponse) => void r.end(event('ERROR', { code: 410, reason: 'Expired' }))],
  ])('lists anew after %s, and what is not listed is gone', async (_name, refuse) => {
    let lists = 0;
    const { client } = await serve((url, response) => {
      if (url.searchParams.has('watch')) {
        expect(url.searchParams.get('allowWatchBookmarks')).toBe('true');
        if (lists === 1) refuse(response);
        else response.write(event('ADDED', item('c', '9')));
      } else {
        lists += 1;
        answer(response, 200, {
          metadata: { resourceVersion: '5' },
          items: lists === 1 ? [item('a', '1')] : [item('b', '2')],
        });
      }
    });
    const store = await reflect(client);
    await until(() => store.get('n/c') !== undefined);
    expect(store.list().map(({ metadata }) => metadata.name)).toEqual(['b', 'c']);
    expect(store.get('n/b')).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap' });
    expect(store.get('n/b')?.metadata.managedFields).toBeUndefined();
  });

  test('goes on from the last bookmark after a line cut in the middle, without listing anew', async () => {
    let lists = 0;
    const places: (string | null)[] = [];
    const { client } = await serve((url, response) => {
      if (!url.searchParams.has('watch')) {
        lists += 1;
        answer(response, 200, { metadata: { resourceVersion: '5' }, items: [] });
        return;
      }
      places.push(url.searchParams.get('resourceVersion'));
      if (places.length > 1) response.write(event('ADDED', item('b', '8')));
      else response.end(`${event('BOOKMARK', { metadata: { resourceVersion: '7' } })}{"type":"ADD`);
    });
    const store = await reflect(client);
    await until(() => store.get('n/b') !== undefined);
    expect([lists, places]).toEqual([1, ['5', '7']]);
  });

  test('survives 500, waits as long as 429 asks, and starts the list over when its continue token expires', async () => {
    const calls: { at: number; token: string | null }[] = [];
    const { client } = await serve((url, response) => {
      if (url.searchParams.has('watch')) {
        response.writeHead(200).flushHeaders();
        return;
      }
      calls.push({ at: performance.now(), token: url.searchParams.get('continue') });
      const page = (continueToken: string) => ({
        metadata: { resourceVersion: '5', continue: continueToken },
        items: [item(`p${calls.length}`, '1')],
      });
      if (calls.length === 1) answer(response, 500, {});
      else if (calls.length === 2) answer(response, 429, {}, { 'retry-after': '2' });
      else if (calls.length === 4) answer(response, 410, { reason: 'Expired' });
      else answer(response, 200, page(calls.length === 6 ? '' : 'next'));
    });
    const store = await reflect(client);
    await until(() => store.size === 2);
    expect(calls.map(({ token }) => token)).toEqual([null, null, null, 'next', null, 'next']);
    expect((calls[2]?.at ?? 0) - (calls[1]?.at ?? 0)).toBeGreaterThanOrEqual(1_990);
  });

  test('a watch that falls silent is taken for dead', async () => {
    let watches = 0;
    const { client } = await serve((url, response) => {
      if (!url.searchParams.has('watch')) answer(response, 200, { metadata: { resourceVersion: '5' }, items: [] });
      else if (++watches === 1) response.writeHead(200).flushHeaders();
      else response.write(event('ADDED', item('b', '8')));
    });
    const store = await reflect(client);
    await until(() => store.size === 1);
  });

  test('a hundred calls in turn share a connection', async () => {
    const { client, connections } = await serve((_url, response) => answer(response, 200, { metadata: {}, items: [] }));
    for (let call = 0; call < 100; call++) await client.list(kind, {});
    expect(connections()).toBeLessThanOrEqual(2);
  });
});

async function reflect(client: HttpClient): Promise<Store> {
  const store = new Store();
  const stop = new AbortController();
  const reflector = new Reflector({
    client,
    kind,
    store,
    onChange: () => undefined,
    clock: systemClock,
    log: createLog('test', 'silent'),
  });
  const running = reflector.run(stop.signal);
  closers.push(async () => {
    stop.abort();
    await running;
  });
  await reflector.synced;
  return store;
}
