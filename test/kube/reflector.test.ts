import { afterEach, describe, expect, test } from '@jest/globals';
import { createLog } from '../../lib/log.ts';
import type { KubeClient, ListPage, WatchEvent } from '../../operator/kube/client.ts';
import { KubeError } from '../../operator/kube/errors.ts';
import type { KubeObject } from '../../operator/kube/object.ts';
import { Reflector } from '../../operator/kube/reflector.ts';
import { Store, type Change } from '../../operator/kube/store.ts';
import { ManualClock } from './manual-clock.ts';
import { until } from './turns.ts';

const kind = { apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true };

const configMap = (name: string, resourceVersion: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'n', uid: name, resourceVersion },
});
const bookmark = (resourceVersion: string): WatchEvent => ({
  type: 'BOOKMARK',
  object: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: '', resourceVersion } },
});
const gone = (): KubeError => new KubeError(410, 'Expired', 'too old');
const broken = (retryAfterMs?: number): KubeError =>
  new KubeError(500, 'InternalError', 'broken', retryAfterMs === undefined ? {} : { retryAfterMs });

/** A watch: its events, then how it ends; without an end it stays open. */
interface Watch {
  events?: WatchEvent[];
  end?: KubeError | 'closed';
}

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

/** Runs a reflector against answers in order; when they have run out, lists are empty and watches stay open. */
function reflect(script: { lists?: (ListPage | KubeError)[]; watches?: Watch[] }) {
  const lists = [...(script.lists ?? [])];
  const watches = [...(script.watches ?? [])];
  const calls: string[] = [];
  async function* watch(place: string, signal: AbortSignal): AsyncGenerator<WatchEvent> {
    calls.push(`watch ${place}`);
    const { events = [], end } = watches.shift() ?? {};
    yield* events;
    if (end instanceof KubeError) throw end;
    if (end === undefined && !signal.aborted)
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  }
  const client: Pick<KubeClient, 'list' | 'watch'> = {
    list: () => {
      calls.push('list');
      const answer = lists.shift() ?? { items: [], resourceVersion: '1' };
      return answer instanceof KubeError ? Promise.reject(answer) : Promise.resolve(answer);
    },
    watch: (_kind, { resourceVersion, signal }) => watch(resourceVersion, signal),
  };
  const clock = new ManualClock();
  const store = new Store();
  const changes: Change[] = [];
  const stop = new AbortController();
  const reflector = new Reflector({
    client: client as KubeClient,
    kind,
    store,
    onChange: (change) => changes.push(change),
    clock,
    log: createLog('test', 'silent'),
  });
  const running = reflector.run(stop.signal);
  stops.push(async () => {
    stop.abort();
    await running;
  });
  /** Lets the present wait pass and tells how long it was. */
  const waited = async (): Promise<number> => {
    await until(() => clock.nextMs !== undefined);
    const ms = clock.nextMs ?? 0;
    clock.advance(ms);
    return ms;
  };
  return { calls, changes, clock, reflector, stop, store, running, waited };
}

describe('Reflector', () => {
  test('never gives up: failures back off up to 30 s, for ever', async () => {
    const failures = 60;
    const { waited, reflector } = reflect({ lists: Array.from({ length: failures }, () => broken()) });
    const waits: number[] = [];
    for (let failure = 0; failure < failures; failure++) waits.push(await waited());
    expect(waits.slice(0, 7)).toEqual([800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000]);
    expect(Math.max(...waits)).toBe(30_000);
    await reflector.synced;
  });

  test('waits as long as the server asks', async () => {
    const { waited, reflector } = reflect({ lists: [broken(45_000)] });
    expect(await waited()).toBe(45_000);
    await reflector.synced;
  });

  test('goes on after a broken watch from the last event, and lists nothing anew', async () => {
    const { calls, store, waited } = reflect({
      lists: [{ items: [], resourceVersion: '5' }],
      watches: [{ events: [{ type: 'ADDED', object: configMap('a', '8') }], end: broken() }],
    });
    await waited();
    await until(() => calls.length === 3);
    expect(calls).toEqual(['list', 'watch 5', 'watch 8']);
    expect(store.get('n/a')).toBeDefined();
  });

  test('lists anew when it is asked to, however well its watch does', async () => {
    const { calls, reflector, store } = reflect({
      lists: [
        { items: [], resourceVersion: '5' },
        { items: [configMap('a', '8')], resourceVersion: '8' },
      ],
    });
    await until(() => calls.length === 2);
    await reflector.listed();
    expect(store.get('n/a')).toBeDefined();
    await until(() => calls.length === 4);
    expect(calls).toEqual(['list', 'watch 5', 'list', 'watch 8']);
  });

  test('that is asked to while it lists begins another one, for the first may not have seen everything', async () => {
    const { calls, reflector, store } = reflect({
      lists: [
        { items: [], resourceVersion: '5' },
        { items: [configMap('a', '8')], resourceVersion: '8' },
      ],
    });
    await until(() => calls.length === 1);
    await Promise.all([reflector.synced, reflector.listed()]);
    expect([calls.slice(0, 2), store.size]).toEqual([['list', 'list'], 1]);
  });

  test('that fails to list anew tries again, for those who wait', async () => {
    const { calls, reflector, waited } = reflect({
      lists: [{ items: [], resourceVersion: '5' }, broken(), { items: [], resourceVersion: '8' }],
    });
    await until(() => calls.length === 2);
    const listed = reflector.listed();
    await waited();
    await listed;
    expect(calls.slice(0, 4)).toEqual(['list', 'watch 5', 'list', 'list']);
  });

  test('a bookmark moves the place, and is no change', async () => {
    const { calls, changes } = reflect({
      lists: [{ items: [], resourceVersion: '5' }],
      watches: [{ events: [bookmark('7')], end: 'closed' }],
    });
    await until(() => calls.length === 3);
    expect(calls).toEqual(['list', 'watch 5', 'watch 7']);
    expect(changes).toEqual([]);
  });

  test('a place too old is cured at once by a list, whose missing objects are told as deleted', async () => {
    const { calls, changes, clock, store } = reflect({
      lists: [
        { items: [configMap('a', '1'), configMap('b', '2')], resourceVersion: '5' },
        { items: [configMap('b', '2'), configMap('c', '8')], resourceVersion: '9' },
      ],
      watches: [{ end: gone() }],
    });
    await until(() => calls.length === 4);
    expect(calls).toEqual(['list', 'watch 5', 'list', 'watch 9']);
    expect(clock.monotonicMs()).toBe(0);
    expect(changes.slice(2)).toEqual([{ old: configMap('a', '1') }, { new: configMap('c', '8') }]);
    expect(store.size).toBe(2);
  });

  test('a server whose every place is too old is not stormed', async () => {
    const { waited } = reflect({ watches: Array.from({ length: 4 }, () => ({ end: gone() })) });
    expect([await waited(), await waited(), await waited()]).toEqual([1_600, 3_200, 6_400]);
  });

  test('a watch that ends at once without a word counts as a failure', async () => {
    const { waited } = reflect({ watches: [{ end: 'closed' }, { end: 'closed' }] });
    expect([await waited(), await waited()]).toEqual([800, 1_600]);
  });

  test('a watch that brought something ends the backoff', async () => {
    const { waited } = reflect({
      lists: [broken(), broken()],
      watches: [{ events: [{ type: 'ADDED', object: configMap('a', '8') }], end: broken() }],
    });
    expect([await waited(), await waited(), await waited()]).toEqual([800, 1_600, 800]);
  });

  test('tells of every change once', async () => {
    const { changes } = reflect({
      lists: [{ items: [configMap('a', '1')], resourceVersion: '5' }],
      watches: [
        {
          events: [
            { type: 'ADDED', object: configMap('a', '1') },
            { type: 'MODIFIED', object: configMap('a', '6') },
            { type: 'DELETED', object: configMap('a', '7') },
            { type: 'DELETED', object: configMap('a', '7') },
          ],
        },
      ],
    });
    await until(() => changes.length === 3);
    expect(changes).toEqual([
      { new: configMap('a', '1') },
      { old: configMap('a', '1'), new: configMap('a', '6') },
      { old: configMap('a', '6') },
    ]);
  });

  test('ends in the middle of a wait when it is stopped', async () => {
    const { clock, running, stop } = reflect({ lists: [broken()] });
    await until(() => clock.nextMs !== undefined);
    stop.abort();
    await running;
    expect(clock.nextMs).toBeUndefined();
  });
});
