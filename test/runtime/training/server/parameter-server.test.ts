import { describe, expect, it, jest } from '@jest/globals';
import { manifestName, type Manifest, type Piece } from '../../../../runtime/training/checkpoint-format.ts';
import { readManifest } from '../../../../runtime/training/checkpoint-reader.ts';
import { eventually } from '../../../support/eventually.ts';
import { optimizer, pull, push, ScriptedServer } from './scripted-server.ts';
import { storageIsAway } from './memory-folder.ts';

const start = Float32Array.of(1, 2, 3, 4);
const ones = Float32Array.of(1, 1, 1, 1);

/** Of version 0. */
const manifestOf = (pieces: Piece[]): Manifest => ({
  format: 1,
  version: 0,
  incarnation: 1,
  specHash: '',
  dataDigest: '',
  programDigest: '',
  total: 4,
  vectors: 2,
  pieces,
  losses: { path: '', count: 0, sha256: '' },
  state: null,
});

describe('a parameter server', () => {
  it('makes the next version once every leaf is there, whoever summed them', async () => {
    const losses: [number, number][] = [];
    const server = await ScriptedServer.create({ onLoss: (step, loss) => losses.push([step, loss]) });
    const { coordinator, client } = await server.begin(start);
    client.say(pull(1));
    client.say(push(0, 1, 1), Float32Array.of(2, 2, 2, 2));
    client.say(push(0, 0, 0), ones);
    await client.next('pushed', 2);
    expect(coordinator.heard.some(({ type }) => type === 'applied')).toBe(false);
    client.say(push(0, 0, 1), ones);
    expect(await coordinator.next('applied')).toEqual({ type: 'applied', generation: 1, version: 1 });
    // The gradient is 4 everywhere; the first velocity is the gradient.
    expect(await client.next('parameters')).toEqual({
      type: 'parameters',
      generation: 1,
      version: 1,
      vector: 0,
      payload: Float32Array.of(-1, 0, 1, 2),
    });
    expect(losses).toEqual([[0, 3]]);
  });

  it("hands out the optimizer's vectors to a mirror", async () => {
    const server = await ScriptedServer.create();
    const { client } = await server.begin(start);
    client.say(push(0, 2, 0), ones);
    client.say(pull(1, { slots: true }));
    expect(await client.next('parameters', 2)).toMatchObject({ version: 1, vector: 1, payload: ones });
  });

  it('counts each leaf once', async () => {
    const server = await ScriptedServer.create();
    const { client } = await server.begin(start);
    client.say(push(0, 1, 0), ones);
    client.say(push(0, 0, 0), Float32Array.of(9, 9, 9, 9));
    client.say(push(0, 1, 0), ones);
    client.say(push(0, 1, 1), ones);
    client.say(push(0, 1, 1), ones);
    client.say(pull(1));
    expect((await client.next('parameters')).payload).toEqual(Float32Array.of(0, 1, 2, 3));
    await client.next('pushed', 5);
  });

  it('answers pushes of other steps and other generations, and throws them away', async () => {
    const server = await ScriptedServer.create();
    const { coordinator, client } = await server.begin(start);
    client.say(push(1, 2, 0), ones);
    client.say(push(0, 2, 0, 7), ones);
    await client.next('pushed', 2);
    coordinator.say({ type: 'askMissing', generation: 1, step: 0 });
    expect(await coordinator.next('missing')).toEqual({
      type: 'missing',
      generation: 1,
      step: 0,
      leaves: [{ from: 0, to: 4 }],
    });
  });

  it('ends the connection of who pushes a node that is none, and goes on', async () => {
    const server = await ScriptedServer.create();
    const { client } = await server.begin(start);
    client.say(push(0, 7, 0), ones);
    for (let turns = 0; turns < 100 && !client.ended; turns++) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(client.ended).toBe(true);
    const other = server.client();
    other.say(push(0, 2, 0), ones);
    other.say(pull(1));
    expect((await other.next('parameters')).payload).toEqual(Float32Array.of(0.5, 1.5, 2.5, 3.5));
  });

  it('says which leaves it lacks; none of a step that is over', async () => {
    const server = await ScriptedServer.create();
    const { coordinator, client } = await server.begin(start);
    client.say(push(0, 0, 1), ones);
    await client.next('pushed');
    coordinator.say({ type: 'askMissing', generation: 1, step: 0 });
    expect((await coordinator.next('missing')).leaves).toEqual([
      { from: 0, to: 1 },
      { from: 2, to: 4 },
    ]);
    client.say(push(0, 2, 0), ones);
    await coordinator.next('applied');
    coordinator.say({ type: 'askMissing', generation: 1, step: 0 });
    expect((await coordinator.next('missing', 2)).leaves).toEqual([]);
  });

  it('replaces running statistics by the sum of their contributions', async () => {
    const server = await ScriptedServer.create();
    const { client } = await server.begin(start, { trainable: 3 });
    client.say(push(0, 1, 0), Float32Array.of(1, 1, 1, 0.25));
    client.say(push(0, 1, 1), Float32Array.of(1, 1, 1, 0.5));
    client.say(pull(1));
    expect((await client.next('parameters')).payload).toEqual(Float32Array.of(0, 1, 2, 0.75));
  });

  it('counts steps from 1, as rules and schedules do', async () => {
    const adam = { ...optimizer, name: 'Adam', beta1: 0.5, beta2: 0.5, epsilon: 1e-12 } as const;
    const server = await ScriptedServer.create({}, { optimizer: adam });
    const { client } = await server.begin(start);
    client.say(push(0, 2, 0), ones);
    client.say(pull(1));
    const [first] = (await client.next('parameters')).payload ?? [];
    expect(first).toBeCloseTo(0.5, 5);
  });

  it('keeps two versions, and says of older ones that they are gone', async () => {
    const server = await ScriptedServer.create();
    const { coordinator, client } = await server.begin(start);
    client.say(push(0, 2, 0), ones);
    await coordinator.next('applied');
    client.say(pull(0));
    expect(await client.next('parameters')).toMatchObject({ version: 0, payload: start });
    client.say(push(1, 2, 0), ones);
    await coordinator.next('applied', 2);
    client.say(pull(0));
    expect(await client.next('gone')).toEqual({ type: 'gone', generation: 1, version: 0, newest: 2 });
  });

  it('goes back to the version before when it is told so, and makes the same one again', async () => {
    const server = await ScriptedServer.create();
    const { coordinator, client } = await server.begin(start);
    client.say(push(0, 2, 0), ones);
    client.say(pull(1));
    const first = await client.next('parameters');
    client.say(pull(2));
    coordinator.say({ type: 'pause', generation: 2 });
    expect((await coordinator.next('holdings', 2)).versions.sort()).toEqual([0, 1]);
    expect(await client.next('gone')).toMatchObject({ generation: 2, version: 2 });
    coordinator.say({ type: 'restore', generation: 2, version: 0, from: { kind: 'Held' } });
    await coordinator.next('restored', 2);
    client.say(pull(1, { generation: 2 }));
    client.say(pull(0, { generation: 2 }));
    // The version that it went back from is not there before it is made again.
    expect(await client.next('parameters', 2)).toMatchObject({ version: 0 });
    client.say(push(0, 2, 0, 2), ones);
    expect((await client.next('parameters', 3)).payload).toEqual(first.payload);
  });

  it('is filled with a version and its slots by a mirror, also where a connection broke in between', async () => {
    const server = await ScriptedServer.create();
    const coordinator = server.coordinator();
    coordinator.say({ type: 'program', trainable: 4, total: 4, totalSteps: 100 });
    coordinator.say({ type: 'pause', generation: 5 });
    expect((await coordinator.next('holdings')).versions).toEqual([]);
    coordinator.say({ type: 'restore', generation: 5, version: 8, from: { kind: 'Fill' } });
    await coordinator.next('expecting');
    const fill = (vector: number, last: boolean, version = 8) =>
      ({ type: 'fill', generation: 5, version, vector, last }) as const;
    const first = server.client();
    first.say(fill(0, false, 7), Float32Array.of(9, 9, 9, 9));
    first.say(fill(0, false), Float32Array.of(9, 9, 9, 9));
    const mirror = server.client();
    mirror.say(fill(0, false), start);
    mirror.say(fill(1, true), ones);
    await mirror.next('filled');
    expect(await coordinator.next('restored')).toMatchObject({ version: 8 });
    mirror.say({ ...pull(8, { slots: true }), generation: 5 });
    expect((await mirror.next('parameters', 1)).payload).toEqual(start);
    expect((await mirror.next('parameters', 2)).payload).toEqual(ones);
  });

  it('does not let a checkpoint that is read late into the version of a later generation', async () => {
    const server = await ScriptedServer.create();
    const { coordinator } = await server.begin(start);
    const folder = 'checkpoints/x/';
    coordinator.say({ type: 'snapshot', generation: 1, version: 0, folder, vectors: 'All', copy: true });
    const { pieces } = await coordinator.next('written');
    await server.folder.create(`${folder}${manifestName}`, Buffer.from(JSON.stringify(manifestOf(pieces))));
    const storage = Promise.withResolvers<undefined>();
    const read = server.folder.read.bind(server.folder);
    const late: Promise<unknown>[] = [];
    server.folder.read = async (path) => {
      if (path.endsWith('.f32')) {
        late.push(storage.promise);
        await storage.promise;
      }
      return read(path);
    };
    coordinator.say({ type: 'pause', generation: 2 });
    const from = { kind: 'Checkpoint', folder, forEvaluation: false } as const;
    coordinator.say({ type: 'restore', generation: 2, version: 0, from });
    await eventually(() => expect(late).toHaveLength(1), 5_000, 1);
    coordinator.say({ type: 'pause', generation: 3 });
    coordinator.say({ type: 'restore', generation: 3, version: 7, from: { kind: 'Fill' } });
    await coordinator.next('expecting', 2);
    const client = server.client();
    client.say({ type: 'fill', generation: 3, version: 7, vector: 0, last: true }, ones);
    await coordinator.next('restored', 2);
    storage.resolve(undefined);
    await new Promise((resolve) => setTimeout(resolve, 50));
    client.say(pull(7, { generation: 3 }));
    expect((await client.next('parameters')).payload).toEqual(ones);
  });

  it.each([
    ['waits for a fill of an older generation that still streams', true],
    ['cuts off a fill of an older generation that streams for too long', false],
  ])('%s before it uses that memory again', async (_, ends) => {
    const server = await ScriptedServer.create();
    const { coordinator } = await server.begin(start);
    const restore = (generation: number) => {
      coordinator.say({ type: 'pause', generation });
      coordinator.say({ type: 'restore', generation, version: 7, from: { kind: 'Fill' } });
    };
    restore(2);
    await coordinator.next('expecting', 2);
    const destroy = jest.fn(() => reception?.lost());
    const mirror = { open: true, send: () => Promise.resolve(true), end: () => undefined, destroy };
    const fill = { type: 'fill', generation: 2, version: 7, vector: 0, last: true } as const;
    const reception = server.server.data.accept(mirror).message(fill, ones.byteLength);
    restore(3);
    await coordinator.next('holdings', 3);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(coordinator.heard.filter(({ type }) => type === 'expecting')).toHaveLength(2);
    if (ends) reception?.done();
    expect(await coordinator.next('expecting', 3)).toMatchObject({ generation: 3 });
    expect(destroy).toHaveBeenCalledTimes(ends ? 0 : 1);
    expect(coordinator.heard.filter(({ type }) => type === 'restored')).toHaveLength(1);
  });

  it('gives nobody anything while it is paused, and obeys no older generation', async () => {
    const server = await ScriptedServer.create();
    const { coordinator, client } = await server.begin(start);
    coordinator.say({ type: 'pause', generation: 3 });
    coordinator.say({ type: 'restore', generation: 2, version: 0, from: { kind: 'Held' } });
    coordinator.say({ type: 'pause', generation: 2 });
    client.say(pull(0, { generation: 3 }));
    expect(await client.next('gone')).toMatchObject({ generation: 3 });
    expect(coordinator.heard.filter(({ type }) => type === 'restored')).toHaveLength(1);
    expect(server.server.isServing).toBe(false);
  });

  it('obeys the newest coordinator alone, also one that counts anew', async () => {
    const server = await ScriptedServer.create();
    const { coordinator } = await server.begin(start, { generation: 2_000_003 });
    const another = server.coordinator();
    another.say({ type: 'pause', generation: 1_000_001 });
    expect(await another.next('holdings')).toMatchObject({ generation: 1_000_001, versions: [0] });
    coordinator.say({ type: 'pause', generation: 2_000_004 });
    another.say({ type: 'restore', generation: 1_000_001, version: 0, from: { kind: 'Held' } });
    expect(await another.next('restored')).toMatchObject({ generation: 1_000_001 });
    expect(coordinator.heard.filter(({ type }) => type === 'holdings')).toHaveLength(1);
  });

  it('waits for the scale of clipping, which depends on all servers', async () => {
    const server = await ScriptedServer.create({}, { optimizer: { ...optimizer, clipNorm: 1 } });
    const { coordinator, client } = await server.begin(start, { trainable: 3 });
    client.say(push(0, 2, 0), Float32Array.of(2, 2, 2, 100));
    const norms = await coordinator.next('norms');
    expect([...new Float64Array(norms.payload?.buffer ?? new ArrayBuffer(0))]).toEqual([12]);
    coordinator.say({ type: 'scale', generation: 1, step: 0, scale: 0.5 });
    client.say(pull(1));
    expect((await client.next('parameters')).payload).toEqual(Float32Array.of(0.5, 1.5, 2.5, 100));
  });
});

describe('the slice of a server', () => {
  const snapshot = (version: number, changes: object = {}) =>
    ({
      type: 'snapshot',
      generation: 1,
      version,
      folder: 'checkpoints/x/',
      vectors: 'All',
      copy: true,
      ...changes,
    }) as const;

  it('is written for a checkpoint at the version that was asked for, while training goes on', async () => {
    const server = await ScriptedServer.create();
    const { coordinator, client } = await server.begin(start);
    const storage = Promise.withResolvers<undefined>();
    server.folder.ready = storage.promise;
    coordinator.say(snapshot(1));
    for (const step of [0, 1, 2]) {
      client.say(push(step, 2, 0), ones);
      await coordinator.next('applied', step + 1);
    }
    storage.resolve(undefined);
    const written = await coordinator.next('written');
    expect(written).toMatchObject({ folder: 'checkpoints/x/', finite: true });
    expect(written.pieces.map(({ path }) => path)).toEqual(['0-0-4.f32', '1-0-4.f32']);
    const weights = server.folder.files.get('checkpoints/x/0-0-4.f32');
    expect([...new Float32Array(weights?.slice().buffer ?? new ArrayBuffer(0))]).toEqual([0.5, 1.5, 2.5, 3.5]);
  });

  it('is missed where that version is gone', async () => {
    const server = await ScriptedServer.create();
    const { coordinator, client } = await server.begin(start);
    for (const step of [0, 1]) {
      client.say(push(step, 2, 0), ones);
      await coordinator.next('applied', step + 1);
    }
    coordinator.say(snapshot(0));
    expect(await coordinator.next('missed')).toMatchObject({ folder: 'checkpoints/x/' });
  });

  it('is known not to be finite', async () => {
    const server = await ScriptedServer.create();
    const { coordinator } = await server.begin(Float32Array.of(1, NaN, 1, 1));
    coordinator.say(snapshot(0, { vectors: 'Weights', copy: false }));
    expect(await coordinator.next('written')).toMatchObject({ finite: false });
  });

  it('is written once storage works again, and says what is the matter until then', async () => {
    const server = await ScriptedServer.create();
    const { coordinator } = await server.begin(start);
    let failures = 0;
    server.folder.fails = () => (failures++ === 0 ? storageIsAway : undefined);
    coordinator.say(snapshot(0));
    expect(await coordinator.next('troubled')).toMatchObject({
      fault: { reason: 'StorageUnavailable', retrying: true },
    });
    await coordinator.next('written');
  });

  it('is read back, and reported as unreadable where it is damaged or was never whole', async () => {
    const server = await ScriptedServer.create();
    const { coordinator } = await server.begin(start);
    const restore = (generation: number, folder: string) => {
      coordinator.say({ type: 'pause', generation });
      coordinator.say({
        type: 'restore',
        generation,
        version: 0,
        from: { kind: 'Checkpoint', folder, forEvaluation: false },
      });
    };
    coordinator.say(snapshot(0));
    const { pieces } = await coordinator.next('written');
    restore(2, 'checkpoints/x/');
    expect(await coordinator.next('unreadable')).toMatchObject({ generation: 2, folder: 'checkpoints/x/' });
    const manifest = manifestOf(pieces);
    await server.folder.create('checkpoints/x/manifest.json', Buffer.from(JSON.stringify(manifest)));
    expect(await readManifest(server.folder, 'checkpoints/x/manifest.json')).toEqual(manifest);
    restore(3, 'checkpoints/x/');
    await coordinator.next('restored', 2);
    const client = server.client();
    client.say(pull(0, { generation: 3 }));
    expect((await client.next('parameters')).payload).toEqual(start);
    server.folder.damage('checkpoints/x/1-0-4.f32');
    restore(4, 'checkpoints/x/');
    expect(await coordinator.next('unreadable', 2)).toMatchObject({ generation: 4 });
  });
});
