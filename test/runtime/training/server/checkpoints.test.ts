import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { StoreError } from '../../../../runtime/store/errors.ts';
import type { TrainingFault } from '../../../../runtime/training-contract.ts';
import { manifestName, type Manifest, type Piece } from '../../../../runtime/training/checkpoint-format.ts';
import { findCheckpoints, readVector } from '../../../../runtime/training/checkpoint-reader.ts';
import { writePieces } from '../../../../runtime/training/checkpoint-writer.ts';
import { folderPart } from '../../../../runtime/training/folder-part.ts';
import { slicesOf } from '../../../../runtime/training/layout.ts';
import {
  claimIncarnation,
  newestIncarnation,
  renewIncarnation,
} from '../../../../runtime/training/server/incarnation.ts';
import { MemoryFolder, storageIsFull } from './memory-folder.ts';

const folder = 'checkpoints/000000000007-000001000001/';

/** A reading that is never given up. */
const wanted = new AbortController().signal;

function patience(faults: (TrainingFault | undefined)[] = [], signal = new AbortController().signal) {
  return { random: () => 0, signal, onTrouble: (fault: TrainingFault | undefined) => void faults.push(fault) };
}

const manifestOf = (total: number, pieces: Piece[], changes: Partial<Manifest> = {}): Manifest => ({
  format: 1,
  version: 7,
  incarnation: 1,
  specHash: 'sha256:spec',
  dataDigest: 'sha256:data',
  programDigest: 'sha256:program',
  total,
  vectors: 2,
  pieces,
  losses: { path: 'losses.f64', count: 0, sha256: '' },
  state: {},
  ...changes,
});

const numbers = (length: number, vector: number): Float32Array =>
  Float32Array.from({ length }, (_, index) => index + vector / 4);

/** A checkpoint of so many elements with one slot, written by so many servers. */
async function written(store: MemoryFolder, total: number, servers: number): Promise<Manifest> {
  const vectors = [numbers(total, 0), numbers(total, 1)];
  const pieces = await Promise.all(
    slicesOf(total, servers).map(({ from, to }) =>
      writePieces(store, folder, { from, vectors: vectors.map((values) => values.subarray(from, to)) }, patience()),
    ),
  );
  return manifestOf(total, pieces.flat());
}

describe('a checkpoint', () => {
  it('that some servers wrote is read by any other number of them', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 30_000 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 5 }),
        async (total, writers, readers) => {
          const store = new MemoryFolder();
          const manifest = await written(store, total, writers);
          for (const vector of [0, 1]) {
            const read = new Float32Array(total);
            for (const slice of slicesOf(total, readers)) {
              const into = read.subarray(slice.from, slice.to);
              await readVector(store, { folder, manifest }, vector, slice, into, wanted);
            }
            expect(Buffer.from(read.buffer).equals(Buffer.from(numbers(total, vector).buffer))).toBe(true);
          }
        },
      ),
      { numRuns: 25 },
    );
  });

  it('of which a piece changed, is short, or is gone is refused', async () => {
    const total = 10_000;
    const into = new Float32Array(total);
    for (const spoil of [
      (store: MemoryFolder, path: string) => store.damage(path),
      (store: MemoryFolder, path: string) => void store.files.delete(path),
    ]) {
      const store = new MemoryFolder();
      const manifest = await written(store, total, 2);
      spoil(store, folder + (manifest.pieces[1]?.path ?? ''));
      const reading = [0, 1].map((vector) =>
        readVector(store, { folder, manifest }, vector, { from: 0, to: total }, into, wanted),
      );
      await expect(Promise.all(reading)).rejects.toMatchObject({ code: 'CheckpointDamaged' });
    }
  });

  it('of which the manifest lacks a part of a vector is refused', async () => {
    const store = new MemoryFolder();
    const manifest = await written(store, 10_000, 2);
    for (const isKept of [(from: number) => from === 0, (from: number) => from > 0]) {
      const pieces = manifest.pieces.filter(({ vector, from }) => vector !== 1 || isKept(from));
      const found = { folder, manifest: { ...manifest, pieces } };
      await expect(
        readVector(store, found, 1, { from: 0, to: 10_000 }, new Float32Array(10_000), wanted),
      ).rejects.toMatchObject({ code: 'CheckpointDamaged' });
    }
  });

  it('is not written into memory that is used for something else by the time it is read', async () => {
    const store = new MemoryFolder();
    const manifest = await written(store, 3, 1);
    const storage = Promise.withResolvers<undefined>();
    store.ready = storage.promise;
    const stop = new AbortController();
    const into = new Float32Array(3);
    const reading = readVector(store, { folder, manifest }, 1, { from: 0, to: 3 }, into, stop.signal);
    stop.abort(new Error('not wanted'));
    storage.resolve(undefined);
    await expect(reading).rejects.toThrow('not wanted');
    expect(into).toEqual(new Float32Array(3));
  });

  it('counts by its manifest: that of the newest coordinator first, then the newest version', async () => {
    const store = new MemoryFolder();
    const write = (path: string, changes: Partial<Manifest>) =>
      store.create(`checkpoints/${path}/${manifestName}`, Buffer.from(JSON.stringify(manifestOf(1, [], changes))));
    await write('a', { version: 900, incarnation: 1 });
    await write('b', { version: 500, incarnation: 2 });
    await write('c', { version: 600, incarnation: 2 });
    await store.create('checkpoints/d/0-0-1.f32', new Uint8Array(4));
    await store.create(`checkpoints/e/${manifestName}`, Buffer.from('{"format":1'));
    await store.create(`checkpoints/f/${manifestName}`, Buffer.from(JSON.stringify({ format: 2 })));
    const found = await findCheckpoints(store, 'checkpoints');
    expect(found.map((checkpoint) => checkpoint.folder)).toEqual([
      'checkpoints/c/',
      'checkpoints/b/',
      'checkpoints/a/',
    ]);
  });
});

describe('writing', () => {
  it('goes on when storage is full until there is room, and says so meanwhile', async () => {
    const store = new MemoryFolder();
    let failures = 0;
    store.fails = () => (failures++ < 1 ? storageIsFull : undefined);
    const faults: (TrainingFault | undefined)[] = [];
    await writePieces(store, folder, { from: 0, vectors: [numbers(3, 0)] }, patience(faults));
    expect(faults).toEqual([
      { reason: 'StorageFull', message: 'memory://folder has no space left', retrying: true },
      undefined,
    ]);
    expect(store.files.size).toBe(1);
  });

  it('ends where no repeating helps, and when nobody wants it any more', async () => {
    const store = new MemoryFolder();
    store.fails = () => new StoreError('StorageUnsupported', 'no renaming there', { retrying: false });
    const content = { from: 0, vectors: [numbers(3, 0)] };
    await expect(writePieces(store, folder, content, patience())).rejects.toMatchObject({
      fault: { reason: 'StorageUnavailable', retrying: false },
    });
    store.fails = () => storageIsFull;
    const stop = new AbortController();
    const writing = writePieces(store, folder, content, patience([], stop.signal));
    setTimeout(() => stop.abort(new Error('not wanted')), 50);
    await expect(writing).rejects.toThrow('not wanted');
  });
});

describe('an incarnation', () => {
  it('gets a number that no other has, higher than all before, however many ask at a time', async () => {
    const store = new MemoryFolder();
    expect(await newestIncarnation(store, 1)).toBe(0);
    const numbersTaken = await Promise.all([1, 2, 3, 4].map((who) => claimIncarnation(store, 1, `pod-${who}`)));
    expect([...numbersTaken].sort()).toEqual([1, 2, 3, 4]);
    expect(await claimIncarnation(store, 1, 'pod')).toBe(5);
    expect(await newestIncarnation(store, 1)).toBe(5);
    expect(await claimIncarnation(store, 2, 'pod')).toBe(1);
  });

  it('keeps its number where storage was emptied, unless another one has a higher one', async () => {
    const store = new MemoryFolder();
    expect(await renewIncarnation(store, 0, 3)).toBe(3);
    expect(await claimIncarnation(store, 0, 'pod')).toBe(4);
    expect(await renewIncarnation(store, 0, 3)).toBe(4);
    expect(store.files.size).toBe(2);
  });
});

describe('a part of a folder', () => {
  it('knows nothing of what lies beside it', async () => {
    const store = new MemoryFolder();
    const part = folderPart(store, 'job/');
    await part.write('a', [Buffer.from('1')]);
    await store.write('b', [Buffer.from('2')]);
    expect(await part.list('')).toEqual(['a']);
    expect(await part.read('b')).toBeUndefined();
    expect(await part.create('a', Buffer.from('3'))).toBe(false);
    await part.remove('a');
    expect([...store.files.keys()]).toEqual(['b']);
    expect(part.uri).toBe('memory://folder/job');
  });
});
