import { expect } from '@jest/globals';
import type { TrainingReason } from '../../../runtime/training-contract.ts';
import type { Platform } from '../platform.ts';
import type { Scenario } from '../steps.ts';
import { podsOfTwo, startedJob, untilJob, untilJobSays, untilPods } from '../training-steps.ts';
import { training, trainingJob } from '../../support/played-job.ts';

/** What no other try can cure, in the words of server 0. */
const fatal: [TrainingReason, string][] = [
  ['LossNotFinite', 'the loss of step 51 is NaN; lower spec.train.optimizer.learningRate'],
  ['BadRows', '11 rows are malformed, more than spec.train.data.maxBadRows 10; the first is row 3, column pixel7'],
  ['DataChanged', 'spec.train.data.uri holds other rows than when the job began'],
  ['OutputConflict', 'spec.output.uri holds something else'],
];

/** What passes once somebody has mended it. */
const passing: [TrainingReason, string][] = [
  ['StorageFull', 'no space is left at pvc://models/'],
  ['StorageUnavailable', 'the bucket of s3://models/ is not there'],
];

/** All pods are stopped that have not ended by themselves. */
const untilNoPods = (platform: Platform, namespace: string): Promise<void> => untilPods(platform, namespace, []);

export const trainingFailures: Scenario[] = [
  {
    name: 'containers that fail more often than backoffLimit without a step in between end the job, which names the last failure',
    run: async (platform) => {
      const namespace = await startedJob(platform, { runPolicy: { backoffLimit: 2 } });
      const crash = (restarts: number) =>
        platform.node.pod(namespace, 'digits-worker-0', { state: 'Crashed', restarts, exitCode: 139 });
      await crash(2);
      await untilJob(platform, namespace, { phase: 'Running', workers: { restarts: 2 } });
      platform.node.trainingReport(namespace, 'digits', training(20));
      await untilJob(platform, namespace, { step: 20 });
      await crash(4);
      await untilJob(platform, namespace, { phase: 'Running', workers: { restarts: 4 } });
      await crash(5);
      await untilJob(platform, namespace, { phase: 'Failed', step: 20 });
      const says = await untilJobSays(platform, namespace, {
        type: 'Failed',
        status: 'True',
        reason: 'BackoffLimitExceeded',
      });
      expect(says).toContain('pod digits-worker-0, with exit code 139');
      await untilNoPods(platform, namespace);
    },
  },
  {
    name: 'a job that runs for longer than it may fails, and stops its pods',
    run: async (platform) => {
      const namespace = await platform.namespace();
      await platform.user.apply(trainingJob(namespace, { runPolicy: { activeDeadlineSeconds: 2 } }));
      await untilJob(platform, namespace, { phase: 'Failed' });
      const says = await untilJobSays(platform, namespace, {
        type: 'Failed',
        status: 'True',
        reason: 'DeadlineExceeded',
      });
      expect(says).toContain('spec.runPolicy.activeDeadlineSeconds');
      await untilNoPods(platform, namespace);
    },
  },
  {
    name: 'the last words of a container that ends the job are its reason',
    run: async (platform) => {
      const namespace = await platform.namespace();
      await platform.user.apply(trainingJob(namespace));
      await untilPods(platform, namespace, podsOfTwo);
      const message = 'spec.train.data.uri s3://data/digits.csv: there is no such file';
      const outcome = JSON.stringify({ succeeded: false, reason: 'DataNotFound', message });
      await platform.node.pod(namespace, 'digits-ps-0', { state: 'Crashed', exitCode: 65, message: outcome });
      await untilJob(platform, namespace, { phase: 'Failed', parameterServers: { restarts: 0 } });
      const says = await untilJobSays(platform, namespace, { type: 'Failed', status: 'True', reason: 'DataNotFound' });
      expect(says).toContain(message);
      await untilJobSays(platform, namespace, { type: 'Stalled', status: 'True', reason: 'DataNotFound' });
      await untilNoPods(platform, namespace);
    },
  },
  ...fatal.map(([reason, message]): Scenario => ({
    name: `${reason} ends a job that trains, which names it and keeps its last checkpoint`,
    run: async (platform) => {
      const namespace = await startedJob(platform);
      const last = training(50, { checkpointStep: 40 });
      platform.node.trainingReport(namespace, 'digits', last);
      await untilJobSays(platform, namespace, { type: 'Checkpointed', status: 'True' });
      const outcome = { succeeded: false, reason, message };
      platform.node.trainingReport(namespace, 'digits', { ...last, phase: 'Failed', outcome });
      await untilJob(platform, namespace, { phase: 'Failed', step: 50, checkpointStep: 40 });
      for (const type of ['Failed', 'Stalled'])
        expect(await untilJobSays(platform, namespace, { type, status: 'True', reason })).toContain(message);
      const kept = await untilJobSays(platform, namespace, { type: 'Checkpointed', status: 'True' });
      expect(kept).toContain('step 40');
      await untilNoPods(platform, namespace);
    },
  })),
  ...passing.map(([reason, message]): Scenario => ({
    name: `${reason} is named while it lasts: before a job trains as its state, later as Degraded, beside its last checkpoint`,
    run: async (platform) => {
      const namespace = await platform.namespace();
      const fault = { reason, message, retrying: true };
      platform.node.trainingReport(namespace, 'digits', { phase: 'Preparing', fault });
      await platform.user.apply(trainingJob(namespace));
      const running = { type: 'Running', status: 'False', reason };
      expect(await untilJobSays(platform, namespace, running)).toContain(message);
      const checkpointed = (step: number) => training(step, { checkpointStep: 10 });
      platform.node.trainingReport(namespace, 'digits', { ...checkpointed(20), fault });
      await untilJob(platform, namespace, { phase: 'Running', step: 20, checkpointStep: 10 });
      const degraded = { type: 'Degraded', status: 'True', reason };
      expect(await untilJobSays(platform, namespace, degraded)).toContain(message);
      platform.node.trainingReport(namespace, 'digits', checkpointed(30));
      const { conditions } = await untilJob(platform, namespace, { phase: 'Running', step: 30 });
      expect(conditions?.map(({ type }) => type)).not.toContain('Degraded');
      expect(conditions?.map(({ type }) => type)).not.toContain('Stalled');
    },
  })),
];
