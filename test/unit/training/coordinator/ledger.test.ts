import { describe, expect, it } from '@jest/globals';
import { Ledger } from '../../../../runtime/training/coordinator/ledger.ts';
import type { PreparedJob } from '../../../../runtime/training/coordinator/options.ts';
import { bytesOf } from '../../../../runtime/training/transport/connection.ts';
import { CoordinatorMemory } from '../../../../runtime/training/worker/coordinator-memory.ts';

const prepared = { dataDigest: 'd', programDigest: 'p' } as PreparedJob;

/** Gives a mirror what it lacks at a version; resolves with how many bytes that were. */
function mirror(ledger: Ledger, memory: CoordinatorMemory, version: number): number {
  const known = memory.known;
  const { losses, text, ...counts } = ledger.record(version, known);
  const payload = Buffer.concat([bytesOf(losses), text]);
  const reception = memory.receive(
    version,
    { lossesFrom: known.losses, losses: losses.length, ...counts },
    payload.byteLength,
  );
  reception.into.set(payload);
  reception.done();
  return payload.byteLength;
}

const evaluationAt = (version: number) => ({ version, trainingLoss: 1 / version, metrics: { loss: 2 / version } });

/** Two steps in an epoch, with a mirror that follows each of them. */
function trained(epochs: number) {
  const [ledger, memory] = [new Ledger(prepared), new CoordinatorMemory()];
  const bytes: number[] = [];
  ledger.reset();
  for (let step = 0; step < 2 * epochs; step++) {
    ledger.history.set(step, 1 / (step + 1));
    bytes.push(mirror(ledger, memory, step + 1));
    const version = step + 1;
    if (version % 2 === 0) ledger.add(evaluationAt(version), { version, folder: `best/${version}/` });
  }
  return { ledger, memory, bytes };
}

function recalled(memory: CoordinatorMemory, version: number): Ledger {
  const ledger = new Ledger(prepared);
  const { losses, payload } = memory.recall(version);
  ledger.recall(version, losses, Uint8Array.from(payload));
  return ledger;
}

describe('what a mirror keeps of the coordinator', () => {
  it('is all that was known when it asked', () => {
    const { ledger, memory } = trained(5);
    // The last epoch was evaluated after the mirror had its version.
    const { state, losses } = recalled(memory, 10).at(10);
    expect(losses).toEqual(ledger.at(10).losses);
    expect(state.evaluations).toEqual(ledger.evaluations.slice(0, 4));
    expect(state.best).toEqual({ version: 8, folder: 'best/8/' });
    mirror(ledger, memory, 10);
    expect(recalled(memory, 10).at(10)).toEqual(ledger.at(10));
  });

  it('costs no more in a late step than in an early one', () => {
    const { bytes } = trained(500);
    expect(Math.max(...bytes.slice(-10))).toBeLessThan(Math.max(...bytes.slice(4, 14)) + 20);
  });

  it('does not outlast what was given up: another ledger goes on from an older version', () => {
    const { memory } = trained(5);
    const before = recalled(memory, 8);
    expect(before.evaluations.map(({ version }) => version)).toEqual([2, 4, 6]);
    before.revert(8, 10);
    before.add(evaluationAt(8), undefined);
    mirror(before, memory, 8);
    expect(recalled(memory, 8).at(8)).toEqual(before.at(8));
  });
});
