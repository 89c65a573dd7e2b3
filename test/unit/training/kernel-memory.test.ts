import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { TrainingFailure } from '../../../runtime/errors.ts';
import { KernelMemory } from '../../../runtime/training/kernel-memory.ts';

const size = 64 * 40;

describe('a kernel memory', () => {
  test('hands out blocks that never overlap, aligned, and takes all of it back whole', () => {
    const steps = fc.array(fc.record({ bytes: fc.integer({ min: 0, max: 700 }), giveBack: fc.nat() }), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(steps, (all) => {
        const memory = new KernelMemory(size);
        const taken: { from: number; to: number }[] = [];
        for (const { bytes, giveBack } of all) {
          try {
            const { offset } = memory.take(bytes);
            expect(offset % 64).toBe(0);
            expect(offset + bytes).toBeLessThanOrEqual(size);
            for (const { from, to } of taken) expect(offset + bytes <= from || to <= offset).toBe(true);
            taken.push({ from: offset, to: offset + Math.max(1, bytes) });
          } catch {
            const [freed] = taken.splice(giveBack % taken.length, 1);
            if (freed) memory.giveBack(freed.from);
          }
        }
        for (const { from } of taken) memory.giveBack(from);
        expect(memory.take(size).offset).toBe(0);
      }),
    );
  });

  test('says which bytes of a block were used before', () => {
    const memory = new KernelMemory(size);
    expect(memory.take(100)).toEqual({ offset: 0, stale: 0 });
    memory.giveBack(0);
    expect(memory.take(300)).toEqual({ offset: 0, stale: 128 });
    expect(memory.take(1)).toEqual({ offset: 320, stale: 0 });
  });

  test('refuses what does not fit, and names the field that helps', () => {
    const memory = new KernelMemory(size);
    expect(() => memory.take(size + 1)).toThrow(/raise spec\.parameterServers\.replicas/);
    expect(() => memory.take(size + 1)).toThrow(TrainingFailure);
  });

  test('takes a block back once', () => {
    const memory = new KernelMemory(size);
    memory.take(64);
    memory.giveBack(0);
    expect(() => memory.giveBack(0)).toThrow('no block is taken at 0');
  });
});
