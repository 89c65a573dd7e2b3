import { pino } from 'pino';
import { describe, expect, it } from '@jest/globals';
import type { TrainingJobFile } from '../../../../runtime/training-contract.ts';
import { checkpointFolder, manifestName } from '../../../../runtime/training/checkpoint-format.ts';
import { CheckpointKeeper } from '../../../../runtime/training/coordinator/checkpoint-keeper.ts';
import { MemoryFolder } from '../../../runtime/training/server/memory-folder.ts';
import { everybody } from './scripted-members.ts';

/** The keeper of a job of one server, which writes what it is asked for at once. */
function keeperOf(incarnation: number, keep: number) {
  const store = new MemoryFolder();
  const { members, servers } = everybody(1, 0);
  const keeper = new CheckpointKeeper({
    store,
    job: { specHash: 'sha256:spec', checkpoint: { every: 5, keep } } as TrainingJobFile,
    members,
    incarnation,
    total: 4,
    slots: 1,
    random: () => 0,
    log: pino({ level: 'silent' }),
    reached: () => undefined,
    recordAt: (version) => ({
      state: { dataDigest: 'd', programDigest: 'p', evaluations: [], best: null, recomputedSteps: 0 },
      losses: new Float64Array(version),
    }),
    onFault: () => undefined,
    onWritten: () => undefined,
  });
  const write = (version: number, generation: number): Promise<string> => {
    const written = keeper.write('checkpoints', version, generation, new AbortController().signal);
    const folder = checkpointFolder('checkpoints', version, generation);
    servers[0]?.say({ type: 'written', generation, folder, pieces: [], finite: true });
    return written;
  };
  /** As another process would. */
  const put = (version: number, generation: number): Promise<boolean> =>
    store.create(checkpointFolder('checkpoints', version, generation) + manifestName, Buffer.from('{}'));
  const kept = (): string[] => [...store.files.keys()].filter((path) => path.endsWith(manifestName));
  return { store, write, put, kept };
}

const manifestAt = (version: number, generation: number): string =>
  checkpointFolder('checkpoints', version, generation) + manifestName;

describe('checkpoints', () => {
  it('are pruned: the newest ones stay, and none of a run that was given up', async () => {
    const { write, put, kept } = keeperOf(2, 2);
    await put(5, 1_000_001);
    await put(10, 1_000_001);
    await put(90, 1_000_001);
    await write(15, 2_000_003);
    expect(kept()).toEqual([manifestAt(10, 1_000_001), manifestAt(15, 2_000_003)]);
  });

  it('of another coordinator that took over meanwhile are left alone', async () => {
    const { write, put, kept } = keeperOf(1, 1);
    await put(5, 2_000_001);
    await put(90, 3_000_001);
    await write(15, 1_000_004);
    expect(kept().sort()).toEqual([manifestAt(5, 2_000_001), manifestAt(15, 1_000_004), manifestAt(90, 3_000_001)]);
  });
});
