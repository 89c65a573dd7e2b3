import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  chooseRecovery,
  mayImprove,
  type Holdings,
  type Recovery,
} from '../../../../runtime/training/coordinator/recovery.ts';

const holdings = (known: Partial<Holdings>): Holdings => ({
  servers: [],
  mirrors: [],
  knownSteps: 0,
  states: [],
  checkpoint: undefined,
  ...known,
});

const cases: { when: string; known: Partial<Holdings>; recovery: Recovery }[] = [
  { when: 'nobody has anything', known: { servers: [[], []] }, recovery: { kind: 'Start' } },
  {
    when: 'there is only a checkpoint',
    known: { servers: [[], []], checkpoint: 500 },
    recovery: { kind: 'Checkpoint', version: 500 },
  },
  {
    when: 'all servers have the newest version',
    known: {
      servers: [
        [7, 8],
        [8, 7],
      ],
      knownSteps: 8,
    },
    recovery: { kind: 'Continue', version: 8, fills: [], recall: undefined },
  },
  {
    when: 'one server is a version behind',
    known: {
      servers: [
        [7, 8],
        [7, 6],
      ],
      knownSteps: 8,
    },
    recovery: { kind: 'Continue', version: 7, fills: [], recall: undefined },
  },
  {
    when: 'a server is new and its mirror has the newest version',
    known: { servers: [[7, 8], []], mirrors: [{ worker: 4, server: 1, version: 8 }], knownSteps: 8 },
    recovery: { kind: 'Continue', version: 8, fills: [{ server: 1, worker: 4 }], recall: undefined },
  },
  {
    when: 'a server is new and its mirror has the version before',
    known: { servers: [[7, 8], []], mirrors: [{ worker: 4, server: 1, version: 7 }], knownSteps: 8 },
    recovery: { kind: 'Continue', version: 7, fills: [{ server: 1, worker: 4 }], recall: undefined },
  },
  {
    when: 'a server is new and nobody mirrors it',
    known: { servers: [[7, 8], []], mirrors: [{ worker: 4, server: 0, version: 8 }], knownSteps: 8, checkpoint: 5 },
    recovery: { kind: 'Checkpoint', version: 5 },
  },
  {
    when: 'the coordinator is new and its mirror knows its state',
    known: {
      servers: [[], [8, 9]],
      mirrors: [
        { worker: 2, server: 0, version: 9 },
        { worker: 2, server: 0, version: 8 },
      ],
      states: [{ worker: 2, version: 8 }],
    },
    recovery: { kind: 'Continue', version: 8, fills: [{ server: 0, worker: 2 }], recall: 2 },
  },
  {
    when: 'the coordinator is new and nobody knows its state',
    known: { servers: [[], [8, 9]], mirrors: [{ worker: 2, server: 0, version: 9 }], checkpoint: 5 },
    recovery: { kind: 'Checkpoint', version: 5 },
  },
  {
    when: 'the checkpoint is newer than what can be had',
    known: { servers: [[8], []], mirrors: [{ worker: 0, server: 1, version: 7 }], knownSteps: 8, checkpoint: 8 },
    recovery: { kind: 'Checkpoint', version: 8 },
  },
  {
    when: 'all servers are new and workers mirrored every one of them',
    known: {
      servers: [[], []],
      mirrors: [
        { worker: 0, server: 0, version: 3 },
        { worker: 1, server: 1, version: 3 },
      ],
      states: [{ worker: 0, version: 3 }],
    },
    recovery: {
      kind: 'Continue',
      version: 3,
      fills: [
        { server: 0, worker: 0 },
        { server: 1, worker: 1 },
      ],
      recall: 0,
    },
  },
  {
    when: 'nothing was done yet, of which there is nothing to know',
    known: { servers: [[0], [0]] },
    recovery: { kind: 'Continue', version: 0, fills: [], recall: undefined },
  },
];

describe('the way back', () => {
  it.each(cases)('is the newest version that can be had when $when', ({ known, recovery }) => {
    expect(chooseRecovery(holdings(known))).toEqual(recovery);
  });

  const versions = fc.uniqueArray(fc.nat(6), { maxLength: 2 });
  const anyHoldings = fc.record({
    servers: fc.array(versions, { minLength: 1, maxLength: 4 }),
    mirrors: fc.array(fc.record({ worker: fc.nat(2), server: fc.nat(3), version: fc.nat(6) }), { maxLength: 8 }),
    knownSteps: fc.nat(6),
    states: fc.array(fc.record({ worker: fc.nat(2), version: fc.nat(6) }), { maxLength: 4 }),
    checkpoint: fc.option(fc.nat(6), { nil: undefined }),
  });

  it('never names a version that a server neither has nor can get, nor an older one than the checkpoint', () => {
    fc.assert(
      fc.property(anyHoldings, (known) => {
        const recovery = chooseRecovery(known);
        if (recovery.kind === 'Start') expect(known.checkpoint).toBeUndefined();
        if (recovery.kind !== 'Continue') return;
        const { version, fills, recall } = recovery;
        expect(version).toBeGreaterThanOrEqual(known.checkpoint ?? 0);
        for (const [server, held] of known.servers.entries()) {
          const fill = fills.find((one) => one.server === server);
          if (held.includes(version)) expect(fill).toBeUndefined();
          else expect(known.mirrors).toContainEqual({ worker: fill?.worker, server, version });
        }
        if (recall === undefined) expect(version).toBeLessThanOrEqual(known.knownSteps);
        else expect(known.states).toContainEqual({ worker: recall, version });
      }),
    );
  });

  it('may improve only where somebody has a newer version than the checkpoint', () => {
    const partial = holdings({ servers: [[8], []], checkpoint: 5 });
    expect(mayImprove(partial, chooseRecovery(partial))).toBe(true);
    const saved = holdings({ servers: [[8], []], checkpoint: 8 });
    expect(mayImprove(saved, chooseRecovery(saved))).toBe(false);
    const fresh = holdings({ servers: [[], []], checkpoint: 8 });
    expect(mayImprove(fresh, chooseRecovery(fresh))).toBe(false);
    const whole = holdings({ servers: [[8], [8]], knownSteps: 8 });
    expect(mayImprove(whole, chooseRecovery(whole))).toBe(false);
  });
});
