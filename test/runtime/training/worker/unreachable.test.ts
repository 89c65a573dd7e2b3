import { afterEach, describe, expect, test } from '@jest/globals';
import { TransportError } from '../../../../runtime/training/transport/connection.ts';
import { eventually } from '../../../support/eventually.ts';
import { all, begin, startScriptedJob, type ScriptedJob } from './scripted-job.ts';

const jobs: ScriptedJob[] = [];
afterEach(async () => {
  await Promise.all(jobs.splice(0).map(({ worker }) => worker.leave()));
});

/** A worker that has no data connection before the test makes attempts to connect fail. */
function startAlone() {
  const clock = { ms: 1_000 };
  const attempts: ((error: TransportError) => boolean)[] = [];
  const job = startScriptedJob({
    now: () => clock.ms,
    connectData: (server, _incarnation, _open, failed) => {
      attempts[server] = failed;
      return { close: () => undefined };
    },
  });
  jobs.push(job);
  return { job, clock, fail: (error: TransportError) => attempts[1]?.(error) };
}

const assignments = [{ from: 0, until: 9, leaves: [all] }];
const untrusted = new TransportError('Untrusted', 'ps-1:7000: its certificate names another host');

describe('a worker that cannot reach a server', () => {
  test('says so once that lasts, and each time after that', async () => {
    const { job, clock, fail } = startAlone();
    await begin(job, assignments);
    await eventually(() => expect(fail(untrusted)).toBe(false), 5_000, 5);
    clock.ms += 4_000;
    fail(untrusted);
    expect(job.worker.fault).toBeUndefined();
    clock.ms += 2_000;
    // Until it pulls.
    await eventually(
      () => {
        fail(untrusted);
        expect(job.worker.fault).toBeDefined();
      },
      5_000,
      5,
    );
    const [first] = await job.coordinator.until('failed', 1);
    fail(new TransportError('Unreachable', 'ps-1:7000: no route'));
    const second = (await job.coordinator.until('failed', 2)).at(-1);
    expect(first?.fault).toEqual({
      reason: 'InvalidTransportSecret',
      message:
        'parameter server 1 cannot be reached: ps-1:7000: its certificate names another host; it is tried again until it is there',
      retrying: true,
    });
    expect(second?.fault).toMatchObject({ reason: 'WaitingForServers', message: expect.stringContaining('no route') });
    expect(job.worker.fault).toEqual(second?.fault);
    // The next incarnation may be found.
    job.coordinator.say({ type: 'servers', generation: 1, incarnations: [1, 2] });
    job.coordinator.say({ type: 'pause', generation: 2 });
    await job.coordinator.until('holdings', 2);
    expect(job.worker.fault).toBeUndefined();
  });

  test('says nothing while it wants nothing of it', async () => {
    const { job, clock, fail } = startAlone();
    await begin(job, []);
    await eventually(() => expect(fail(untrusted)).toBe(false), 5_000, 5);
    clock.ms += 60_000;
    fail(untrusted);
    job.coordinator.say({ type: 'pause', generation: 2 });
    await job.coordinator.until('holdings', 2);
    expect(job.coordinator.of('failed')).toEqual([]);
    expect(job.worker.fault).toBeUndefined();
  });
});
