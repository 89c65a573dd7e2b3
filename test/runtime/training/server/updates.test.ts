import { describe, expect, it } from '@jest/globals';
import { optimizer, pull, push, ScriptedServer } from './scripted-server.ts';

const start = Float32Array.of(1, 2, 3, 4);
const ones = Float32Array.of(1, 1, 1, 1);

describe('a parameter server says how a version is made to a mirror that has the one before', () => {
  const asMirror = { slots: true, hasBase: true };
  const update = { type: 'update', generation: 1, version: 1, own: false, learningRate: 0.5, gradientScale: 1 };

  it('with what was summed, before the version is made', async () => {
    const isApplied = Promise.withResolvers<undefined>();
    const reached = (point: string) => (point === 'ServerApplying' ? isApplied.promise : undefined);
    const server = await ScriptedServer.create({ reached });
    const { coordinator, client } = await server.begin(start, { trainable: 3 });
    const mirror = server.client();
    mirror.say(pull(1, asMirror));
    client.say(push(0, 1, 0), ones);
    mirror.say(push(0, 1, 1), ones);
    expect(await mirror.next('update')).toEqual({ ...update, payload: Float32Array.of(2, 2, 2, 2) });
    expect(coordinator.heard.some(({ type }) => type === 'applied')).toBe(false);
    isApplied.resolve(undefined);
    await coordinator.next('applied');
    client.say(pull(1));
    expect((await client.next('parameters')).payload).toEqual(Float32Array.of(0, 1, 2, 2));
    expect(mirror.heard.filter(({ type }) => type === 'parameters')).toEqual([]);
  });

  it('and takes what the mirror pushes for the next step before this one is made', async () => {
    const isApplied = Promise.withResolvers<undefined>();
    const reached = (point: string, step: number) =>
      point === 'ServerApplying' && step === 0 ? isApplied.promise : undefined;
    const server = await ScriptedServer.create({ reached });
    const { coordinator, client } = await server.begin(start);
    client.say(pull(1, asMirror));
    client.say(push(0, 2, 0), ones);
    await client.next('update');
    client.say(push(1, 2, 0), ones);
    await client.next('pushed', 2);
    expect(coordinator.heard.some(({ type }) => type === 'applied')).toBe(false);
    isApplied.resolve(undefined);
    expect(await coordinator.next('applied', 2)).toMatchObject({ version: 2 });
    client.say(pull(2));
    expect((await client.next('parameters')).payload).toEqual(Float32Array.of(-0.25, 0.75, 1.75, 2.75));
  });

  it('without a payload where it pushed all of it as one node', async () => {
    const server = await ScriptedServer.create();
    const { client } = await server.begin(start);
    const other = server.client();
    client.say(pull(1, asMirror));
    other.say(pull(1, asMirror));
    client.say(push(0, 2, 0), ones);
    expect(await client.next('update')).toEqual({ ...update, own: true });
    expect(await other.next('update')).toEqual({ ...update, payload: ones });
    other.say(push(1, 1, 0), ones);
    other.say(push(1, 1, 1), ones);
    other.say(pull(2, asMirror));
    expect(await other.next('update', 2)).toMatchObject({ own: false, payload: Float32Array.of(2, 2, 2, 2) });
  });

  it('of each version that it keeps, however many were made since', async () => {
    const server = await ScriptedServer.create();
    const { coordinator, client } = await server.begin(start);
    for (const step of [0, 1, 2]) {
      client.say(push(step, 2, 0), Float32Array.of(step, step, step, step));
      await coordinator.next('applied', step + 1);
    }
    const other = server.client();
    other.say(pull(2, asMirror));
    other.say(pull(3, asMirror));
    expect(await other.next('update', 1)).toMatchObject({ version: 2, payload: Float32Array.of(1, 1, 1, 1) });
    expect(await other.next('update', 2)).toMatchObject({ version: 3, payload: Float32Array.of(2, 2, 2, 2) });
  });

  it('with the gradient, also to who pushed it, in another generation', async () => {
    const server = await ScriptedServer.create();
    const { coordinator, client } = await server.begin(start);
    client.say(push(0, 2, 0), ones);
    await coordinator.next('applied');
    coordinator.say({ type: 'pause', generation: 2 });
    coordinator.say({ type: 'restore', generation: 2, version: 1, from: { kind: 'Held' } });
    await coordinator.next('restored', 2);
    client.say(pull(1, { ...asMirror, generation: 2 }));
    expect(await client.next('update')).toEqual({ ...update, generation: 2, payload: ones });
  });

  it('but sends the version itself where it did not make it, or where that is no longer', async () => {
    const server = await ScriptedServer.create();
    const { client } = await server.begin(start);
    client.say(pull(0, asMirror));
    expect(await client.next('parameters', 2)).toMatchObject({ version: 0, vector: 1 });
    const plain = await ScriptedServer.create({}, { optimizer: { ...optimizer, name: 'SGD' } });
    const { client: other } = await plain.begin(start);
    const mirror = plain.client();
    mirror.say(pull(1, asMirror));
    other.say(push(0, 2, 0), ones);
    expect(await mirror.next('parameters')).toMatchObject({ version: 1, vector: 0 });
  });

  it('with the scale of clipping', async () => {
    const server = await ScriptedServer.create({}, { optimizer: { ...optimizer, clipNorm: 1 } });
    const { coordinator, client } = await server.begin(start);
    client.say(pull(1, asMirror));
    client.say(push(0, 2, 0), ones);
    await coordinator.next('norms');
    coordinator.say({ type: 'scale', generation: 1, step: 0, scale: 0.25 });
    expect(await client.next('update')).toEqual({ ...update, own: true, gradientScale: 0.25 });
  });
});
