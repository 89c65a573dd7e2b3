import { afterEach, describe, expect, test } from '@jest/globals';
import { createLog } from '../../lib/log.ts';
import type { PlannedEvent } from '../../operator/core/plan.ts';
import type { KubeObject } from '../../operator/kube/object.ts';
import { Recorder } from '../../operator/kube/recorder.ts';
import { ownerNamed, setting, unreachable } from './setting.ts';
import { settled } from './turns.ts';

const eventKind = { apiVersion: 'events.k8s.io/v1', kind: 'Event' };
const planned = (note = 'it serves', reason = 'Ready'): PlannedEvent => ({
  type: 'Normal',
  reason,
  action: 'Reconcile',
  note,
});

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

function recording() {
  const parts = setting();
  const { clock, cluster, client } = parts;
  const owner = cluster.add(ownerNamed('x'));
  const recorder = new Recorder({
    client,
    controller: 'test.modelyard.dev/operator',
    instance: 'pod-1',
    clock,
    log: createLog('test', 'silent'),
  });
  const stop = new AbortController();
  const running = recorder.run(stop.signal);
  stops.push(async () => {
    stop.abort();
    await running;
  });
  const publish = async (event: PlannedEvent, regarding: KubeObject = owner): Promise<void> => {
    recorder.publish(regarding, event);
    await settled();
  };
  const events = (): KubeObject[] => cluster.all(eventKind);
  return { ...parts, events, owner, publish, recorder, running, stop };
}

describe('Recorder', () => {
  test('writes what events.k8s.io asks for, about this incarnation, in its namespace', async () => {
    const { events, owner, publish } = recording();
    await publish(planned());
    const [event] = events();
    expect(event).toMatchObject({
      metadata: { namespace: 'n' },
      eventTime: '2027-01-15T08:00:00.000000Z',
      reportingController: 'test.modelyard.dev/operator',
      reportingInstance: 'pod-1',
      type: 'Normal',
      reason: 'Ready',
      action: 'Reconcile',
      note: 'it serves',
      regarding: { apiVersion: owner.apiVersion, kind: 'Owner', name: 'x', namespace: 'n', uid: owner.metadata.uid },
    });
    expect(event?.series).toBeUndefined();
    expect(event?.metadata.name).toMatch(/^x\.[0-9a-f]+$/);
  });

  test('counts the same words about the same object in one event', async () => {
    const { clock, events, publish } = recording();
    await publish(planned());
    clock.advance(30_000);
    await publish(planned());
    expect(events()).toMatchObject([{ series: { count: 2, lastObservedTime: '2027-01-15T08:00:30.000000Z' } }]);
  });

  test('writes a count at most every 30 s, and only together with a further occurrence', async () => {
    const { clock, events, publish, writes } = recording();
    for (let second = 0; second < 30; second++) {
      await publish(planned());
      clock.advance(1_000);
    }
    expect(writes()).toHaveLength(1);
    clock.advance(300_000);
    await settled();
    expect(writes()).toEqual([]);
    expect(clock.nextMs).toBeUndefined();
    await publish(planned());
    expect(events()).toMatchObject([{ series: { count: 31 } }]);
    expect(writes()).toHaveLength(1);
  });

  test('begins a new event for other words, another object, and after six minutes', async () => {
    const { clock, cluster, events, publish } = recording();
    await publish(planned());
    await publish(planned('it still serves'));
    await publish(planned(), cluster.add(ownerNamed('y')));
    expect(events()).toHaveLength(3);
    clock.advance(360_000);
    await publish(planned());
    expect(events()).toHaveLength(4);
  });

  test('begins a new event where the API server forgot the old one', async () => {
    const { clock, cluster, events, publish } = recording();
    await publish(planned());
    cluster.delete({ ...eventKind, name: events()[0]?.metadata.name ?? '', namespace: 'n' });
    clock.advance(30_000);
    await publish(planned());
    await publish(planned());
    expect(events()).toHaveLength(1);
  });

  test('drops what no server takes, and goes on', async () => {
    const { control, events, publish } = recording();
    control.fault = () => unreachable();
    await publish(planned('lost'));
    control.fault = () => undefined;
    await publish(planned());
    expect(events().map(({ note }) => note)).toEqual(['it serves']);
  });

  test('lets one object have 25 events at once and then one in five minutes, and another its own', async () => {
    const { clock, cluster, events, publish } = recording();
    for (let number = 0; number < 30; number++) await publish(planned(`number ${number}`));
    expect(events()).toHaveLength(25);
    await publish(planned(), cluster.add(ownerNamed('y')));
    expect(events()).toHaveLength(26);
    clock.advance(300_000);
    await publish(planned('later'));
    await publish(planned('too much'));
    expect(events()).toHaveLength(27);
  });

  test('cuts a note at 1024 bytes, between characters', async () => {
    const { events, publish } = recording();
    await publish(planned('ü'.repeat(1_000)));
    const note = events()[0]?.note as string;
    expect(Buffer.byteLength(note)).toBeLessThanOrEqual(1_024);
    expect(note).toMatch(/^ü{500,}…$/);
  });

  test('flushes what was cut short by the end of the process', async () => {
    const { client, clock, control, events, owner } = recording();
    const recorder = new Recorder({
      client,
      controller: 'c',
      instance: 'i',
      clock,
      log: createLog('test', 'silent'),
    });
    const stop = new AbortController();
    const running = recorder.run(stop.signal);
    let release: () => void = () => undefined;
    control.held = new Promise((resolve) => (release = resolve));
    control.fault = () => unreachable();
    recorder.publish(owner, planned('last words'));
    await settled();
    stop.abort();
    release();
    await running;
    expect(events()).toEqual([]);
    control.fault = () => undefined;
    await recorder.flush(new AbortController().signal);
    expect(events().map(({ note }) => note)).toEqual(['last words']);
  });
});
