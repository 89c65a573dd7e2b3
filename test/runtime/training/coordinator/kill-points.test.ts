import { afterEach, describe, expect, it } from '@jest/globals';
import type { TrainingRole } from '../../../../runtime/training-contract.ts';
import type { FaultPoint } from '../../../../runtime/training/server/fault-points.ts';
import type { WorkerFaultPoint } from '../../../../runtime/training/worker/fault-points.ts';
import { eventually } from '../../../support/eventually.ts';
import { JobPods, type Pod } from './pods.ts';
import { JobRoles, outcomeOf } from './roles.ts';
import { endsEarly, modelsOf, type JobChanges } from './small-job.ts';

const testMs = 180_000;
const jobs: { end(): Promise<void> }[] = [];

afterEach(async () => {
  await Promise.all(jobs.splice(0).map((job) => job.end()));
});

/** What is made where nothing happens. */
async function undisturbed(changes: JobChanges): Promise<Record<string, string>> {
  const job = await JobRoles.create(changes);
  jobs.push(job);
  const [coordinator] = await job.startAll(1, 1);
  await outcomeOf(coordinator);
  return modelsOf(job.small);
}

/** Trains with 2 servers and 3 workers, of which one role is killed at one point after the other. */
async function train(role: TrainingRole, index: number, kills: readonly string[], changes: JobChanges) {
  const job = await JobPods.create(2, changes);
  jobs.push(job);
  const keep = (other: TrainingRole, number: number): Promise<number | null> =>
    job.keep(other, number, other === role && number === index ? kills : []);
  // A worker that is being started when the job ends waits for ever: the operator would remove it.
  for (const number of [0, 1, 2]) void keep('Worker', number);
  const servers = Promise.all([0, 1].map((number) => keep('ParameterServer', number)));
  return { job, codes: await servers };
}

/** Long enough that a worker comes back before the end. */
const long: JobChanges = { epochs: 80, checkpoint: { every: 100 } };

interface Case {
  hits: string;
  role: TrainingRole;
  index: number;
  kills: `${FaultPoint | WorkerFaultPoint}:${number}`[];
  changes?: JobChanges;
}

const ofServers: Case['kills'] = [
  'ServerReceivedPush:2',
  'ServerApplying:5',
  'ServerBeforeAcknowledging:8',
  'ServerWroteSlice:10',
];

const cases: Case[] = [
  {
    hits: 'a server after a push, while applying, before acknowledging, and while writing a checkpoint',
    role: 'ParameterServer',
    index: 1,
    kills: ofServers,
  },
  { hits: 'the coordinating server at the same points', role: 'ParameterServer', index: 0, kills: ofServers },
  {
    hits: 'the coordinator after assigning work, around a manifest, and around the outcome',
    role: 'ParameterServer',
    index: 0,
    kills: [
      'CoordinatorAssigned:3',
      'CoordinatorBeforeManifest:5',
      'CoordinatorAfterManifest:12',
      'CoordinatorBeforeOutcome:0',
      'CoordinatorAfterOutcome:0',
    ],
    changes: endsEarly,
  },
  {
    hits: 'a worker before and after its push',
    role: 'Worker',
    index: 1,
    kills: ['WorkerBeforePush:2', 'WorkerAfterPush:5', 'WorkerBeforePush:9'],
    changes: long,
  },
];

describe('a job', () => {
  it.each(cases)(
    'makes the same model when SIGKILL hits $hits, at the cost of one step for each at most',
    async ({ role, index, kills, changes = {} }) => {
      const { job, codes } = await train(role, index, kills, changes);
      expect(job.killed().map((line) => line.split(':')[0])).toEqual(kills.map((kill) => kill.split(':')[0]));
      expect(codes).toEqual([0, 0]);
      expect((await job.outcome()).succeeded).toBe(true);
      expect(await modelsOf(job.small)).toEqual(await undisturbed(changes));
      const recomputed = job.recoveries().map(({ version, newest }) => newest - version);
      // The first one begins the job, and none follows an outcome.
      expect(recomputed.length).toBeGreaterThanOrEqual(role === 'Worker' ? 1 : kills.length);
      expect(Math.max(...recomputed)).toBeLessThanOrEqual(1);
      expect(recomputed.reduce((sum, steps) => sum + steps, 0)).toBeLessThanOrEqual(kills.length);
    },
    testMs,
  );

  const everybody = (job: JobPods): Pod[] => [
    ...[0, 1].map((index) => job.start('ParameterServer', index)),
    ...[0, 1].map((index) => job.start('Worker', index)),
  ];

  const reached = (job: JobPods, step: number): Promise<void> =>
    eventually(async () => expect((await job.report()).job?.step).toBeGreaterThanOrEqual(step), 60_000, 20);

  it(
    'makes the same model when every pod is killed at once, from the last checkpoint',
    async () => {
      const job = await JobPods.create(2, endsEarly);
      jobs.push(job);
      const first = everybody(job);
      await reached(job, 12);
      for (const { process } of first) process.kill('SIGKILL');
      await Promise.all(first.map(({ exited }) => exited));
      const [coordinator] = everybody(job);
      expect(await coordinator?.exited).toEqual({ code: 0, signal: null });
      expect(await modelsOf(job.small)).toEqual(await undisturbed(endsEarly));
    },
    testMs,
  );

  it(
    'makes the same model when every pod is told to stop and started again, and loses no step',
    async () => {
      const job = await JobPods.create(2, endsEarly);
      jobs.push(job);
      const first = everybody(job);
      await reached(job, 12);
      for (const { process } of first) process.kill('SIGTERM');
      expect(await Promise.all(first.map(({ exited }) => exited))).toEqual(
        first.map(() => ({ code: 0, signal: null })),
      );
      const [coordinator] = everybody(job);
      await eventually(async () => expect((await job.report()).phase).toBe('Running'), 60_000, 10);
      expect((await job.report()).job).toMatchObject({ recomputedSteps: 0 });
      expect(await coordinator?.exited).toEqual({ code: 0, signal: null });
      expect(await modelsOf(job.small)).toEqual(await undisturbed(endsEarly));
    },
    testMs,
  );

  it(
    'goes back to the last checkpoint when a server and all that mirror it die at once',
    async () => {
      const job = await JobPods.create(2, endsEarly);
      jobs.push(job);
      const [coordinator, server, ...workers] = everybody(job);
      await reached(job, 12);
      for (const pod of [server, ...workers]) pod?.process.kill('SIGKILL');
      for (const pod of [server, ...workers]) await pod?.exited;
      job.start('ParameterServer', 1);
      job.start('Worker', 0);
      expect(await coordinator?.exited).toEqual({ code: 0, signal: null });
      expect(await modelsOf(job.small)).toEqual(await undisturbed(endsEarly));
    },
    testMs,
  );
});
