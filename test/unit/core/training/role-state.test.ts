/** What happened to the pods of a role is counted once, whatever is lost in between. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { TrainingJobStatus } from '../../../../operator/api/training-job.gen.ts';
import type { Pod } from '../../../../operator/core/objects.ts';
import { isLeaving } from '../../../../operator/core/training/pod-state.ts';
import { predecessorsAnnotation } from '../../../../operator/core/training/predecessors.ts';
import { isWantedPod, roleState } from '../../../../operator/core/training/role-state.ts';
import { LastSeen } from '../../../../operator/controllers/last-seen.ts';
import { admittedJob, podOf } from '../../../support/training-world.ts';

const job = admittedJob();

const allWorkers = [0, 1, 2, 3, 4];

/** The workers of one job, an operator that looks at them, and the truth about them. */
class Workers {
  replicas = 3;
  suspended = false;
  /** Pods that are not wanted any more take their time to end. */
  slow = false;
  readonly pods = new Map<string, Pod>();
  status: TrainingJobStatus = {};
  readonly truth = { restarts: 0, evictions: 0 };
  #lastSeen = new LastSeen();
  #uids = 0;

  /** One look: takes stock, makes what is missing where there is room for it, and writes the status, or is kept from that. */
  look({ writes = true, room = allWorkers } = {}): NonNullable<TrainingJobStatus['workers']> {
    const { spec } = job;
    const workers = { ...spec.workers, replicas: this.replicas };
    const runPolicy = { ...spec.runPolicy, suspend: this.suspended };
    const owner = { ...job, spec: { ...spec, workers, runPolicy }, status: this.status };
    const pods = [...this.pods.values()];
    const noted = this.#lastSeen.note(owner, pods, (name) => isWantedPod(owner, name));
    const state = roleState({ owner, pods, ...noted }, 'Worker', this.suspended ? 0 : this.replicas);
    for (const { index, predecessors } of state.missing.filter((each) => room.includes(each.index))) {
      const name = `worker-${index}`;
      this.#uids += 1;
      const metadata = { uid: `uid-${this.#uids}`, annotations: predecessorsAnnotation(predecessors) };
      this.pods.set(name, structuredClone(podOf({ name, is: 'Ready', metadata })));
    }
    for (const pod of state.extra) {
      if (this.slow) pod.metadata.deletionTimestamp ??= '2026-11-24T10:00:30Z';
      else this.pods.delete(pod.metadata.name.replace('digits-', ''));
    }
    if (writes) this.status = { workers: state.status };
    return state.status;
  }

  fail(index: number): void {
    const pod = this.pods.get(`worker-${index}`);
    const runtime = pod?.status?.containerStatuses?.[0];
    if (pod === undefined || isLeaving(pod) || runtime === undefined) return;
    runtime.restartCount = (runtime.restartCount ?? 0) + 1;
    runtime.lastState = { terminated: { exitCode: 1 } };
    this.truth.restarts += 1;
  }

  lose(index: number): void {
    const pod = this.pods.get(`worker-${index}`);
    if (pod === undefined || isLeaving(pod)) return;
    this.pods.delete(`worker-${index}`);
    if (index < this.replicas && !this.suspended) this.truth.evictions += 1;
  }

  /** From now on what is not wanted takes its time, or takes none any more. */
  hurry(slow: boolean): void {
    this.slow = slow;
    for (const [name, pod] of this.pods) if (!slow && isLeaving(pod)) this.pods.delete(name);
  }

  restartOperator(): void {
    this.hurry(false);
    this.look();
    this.killOperator();
  }

  killOperator(): void {
    this.hurry(false);
    this.#lastSeen = new LastSeen();
  }
}

const action = fc.oneof(
  fc.record({ kind: fc.constant('fail' as const), index: fc.integer({ min: 0, max: 4 }) }),
  fc.record({ kind: fc.constant('lose' as const), index: fc.integer({ min: 0, max: 4 }) }),
  fc.record({ kind: fc.constant('scale' as const), index: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ kind: fc.constant('operatorEnds' as const), index: fc.constant(0) }),
  fc.record({ kind: fc.constant('suspend' as const), index: fc.constant(0) }),
  fc.record({ kind: fc.constantFrom('slow' as const, 'fast' as const), index: fc.constant(0) }),
);

function act(workers: Workers, { kind, index }: { kind: string; index: number }): void {
  if (kind === 'fail') workers.fail(index);
  if (kind === 'lose') workers.lose(index);
  if (kind === 'scale') workers.replicas = index;
  if (kind === 'operatorEnds') workers.restartOperator();
  if (kind === 'operatorIsKilled') workers.killOperator();
  if (kind === 'slow' || kind === 'fast') workers.hurry(kind === 'slow');
  if (kind === 'suspend') {
    workers.suspended = true;
    for (let looks = 0; looks < 2; looks++) workers.look();
    workers.suspended = false;
  }
}

const counted = ({ restarts = 0, evictions = 0 }: NonNullable<TrainingJobStatus['workers']>) => ({
  restarts,
  evictions,
});

describe('restarts and evictions', () => {
  test('are exactly what happened, through crashes, losses, other sizes, suspensions and ends of the operator', () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 25 }), (actions) => {
        const workers = new Workers();
        for (const each of actions) {
          // Twice: what is made in one look is seen in the next.
          for (let looks = 0; looks < 2; looks++) workers.look();
          act(workers, each);
        }
        workers.hurry(false);
        for (let looks = 0; looks < 2; looks++) workers.look();
        expect(counted(workers.look())).toEqual(workers.truth);
      }),
      { numRuns: 300, seed: 20_261_125 },
    );
  });

  test('never go back and are never more than happened, however seldom the status can be written and whichever pods can be made', () => {
    const kill = fc.record({ kind: fc.constant('operatorIsKilled' as const), index: fc.constant(0) });
    const step = fc.record({
      action: fc.oneof(action, kill),
      writes: fc.boolean(),
      room: fc.subarray(allWorkers),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        const workers = new Workers();
        let before = { restarts: 0, evictions: 0 };
        for (const { action: each, ...how } of steps) {
          act(workers, each);
          workers.look(how);
          const written = counted(workers.status.workers ?? {});
          expect(written.restarts).toBeGreaterThanOrEqual(before.restarts);
          expect(written.evictions).toBeGreaterThanOrEqual(before.evictions);
          expect(written.restarts).toBeLessThanOrEqual(workers.truth.restarts);
          expect(written.evictions).toBeLessThanOrEqual(workers.truth.evictions);
          before = written;
        }
      }),
      { numRuns: 300, seed: 20_261_125 },
    );
  });
});

describe('a missing pod', () => {
  const owner = (status: TrainingJobStatus) => admittedJob({ spec: { workers: { replicas: 3 } }, status });
  const state = (
    status: TrainingJobStatus,
    pods: Pod[],
    lastSeen = new Map<string, Pod>(),
    dismissed = new Set<string>(),
  ) => roleState({ owner: owner(status), pods, lastSeen, dismissed }, 'Worker', 3);

  test('that never was has no predecessors', () => {
    expect(state({}, []).missing).toEqual([0, 1, 2].map((index) => ({ index, predecessors: undefined })));
  });

  test('that was not made yet when one of a higher number was has no predecessors', () => {
    const { missing, status } = state({ workers: { created: 0 } }, [podOf({ name: 'worker-1', is: 'Ready' })]);
    expect(missing).toEqual([0, 2].map((index) => ({ index, predecessors: undefined })));
    expect(status).toMatchObject({ created: 0, evictions: 0 });
  });

  test('that was there carries what is known of it and why it went', () => {
    const evicted = podOf({ name: 'worker-1', is: 'Failed', status: { reason: 'Evicted', message: 'Low on memory.' } });
    const others = ['worker-0', 'worker-2'].map((name) => podOf({ name, is: 'Ready' }));
    const { missing } = state({ workers: { created: 3 } }, others, new Map([['digits-worker-1', evicted]]));
    expect(missing).toEqual([
      {
        index: 1,
        predecessors: {
          restarts: 0,
          evictions: 1,
          reason: 'Evicted',
          message: 'pod digits-worker-1 on node node-1 was evicted: Low on memory',
        },
      },
    ]);
  });

  test('that nobody saw go is known to have been by the status alone', () => {
    const others = ['worker-0', 'worker-2'].map((name) => podOf({ name, is: 'Ready' }));
    expect(state({ workers: { created: 3 } }, others).missing[0]?.predecessors).toEqual({
      restarts: 0,
      evictions: 1,
      reason: 'PodDeleted',
      message: 'pod digits-worker-1 was deleted, or lost with its node',
    });
  });

  test('that had to go because nobody wanted it is no loss, whatever is known of it', () => {
    const others = ['worker-0', 'worker-2'].map((name) => podOf({ name, is: 'Ready' }));
    const left = new Map([['digits-worker-1', podOf({ name: 'worker-1', is: 'Leaving' })]]);
    const dismissed = new Set(['digits-worker-1']);
    for (const lastSeen of [left, new Map<string, Pod>()]) {
      const { missing, status } = state({ workers: { created: 3 } }, others, lastSeen, dismissed);
      expect([missing, status.evictions]).toEqual([[{ index: 1, predecessors: undefined }], 0]);
    }
    const counted = { workers: { created: 3, restarts: 2, evictions: 1 } };
    expect(state(counted, others, new Map(), dismissed).missing[0]?.predecessors).toEqual({
      restarts: 2,
      evictions: 1,
      reason: 'PodReplaced',
      message: '',
    });
  });

  test('is not missed among pods of other names', () => {
    const others = ['digits-worker-x', 'digits-worker-01', 'digits-worker-7777777', 'digits-ps-0', 'other'].map(
      (name) => podOf({ name: 'worker-0', is: 'Ready', metadata: { name } }),
    );
    const { present, extra, missing } = state({}, others);
    expect([present.size, extra.length, missing.length]).toEqual([0, 0, 3]);
  });
});
