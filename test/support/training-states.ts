/** Jobs in their usual states, for tests of what is told of them. */
import type { TrainingJobStatus } from '../../operator/api/training-job.gen.ts';
import { render } from '../../operator/core/training/render.ts';
import type { JobProgress } from '../../runtime/training-contract.ts';
import { observeJob, type TrainingWorld } from './training-world.ts';

export type Pods = NonNullable<TrainingWorld['pods']>;

export const progress: JobProgress = {
  step: 10,
  totalSteps: 100,
  epoch: 1,
  validationMetrics: {},
  connectedServers: 1,
  connectedWorkers: 1,
  recomputedSteps: 0,
  history: [],
};
/** Of a job whose first pods were made. */
export const begun: TrainingJobStatus = {
  startTime: '2026-11-24T09:00:00Z',
  activeTime: '2026-11-24T09:00:00Z',
  activeSeconds: 0,
  image: 'modelyard:0.1.0',
};
/** Of a job that trained, with one server and one worker. */
export const ran: TrainingJobStatus = {
  ...begun,
  phase: 'Running',
  step: 10,
  backoff: { step: 10, restarts: 0 },
  parameterServers: { desired: 1, created: 1, ready: 1, restarts: 0, evictions: 0 },
  workers: { desired: 1, created: 1, ready: 1, restarts: 0, evictions: 0 },
  conditions: [
    { type: 'Running', status: 'True', reason: 'Training', message: '', lastTransitionTime: '2026-11-24T09:01:00Z' },
  ],
};
/** Of a pod without a node. */
export const unscheduled = {
  phase: 'Pending',
  conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/3 nodes are available.' }],
};
export const server: Pods[number] = { name: 'ps-0', is: 'Ready', report: { phase: 'Running', job: progress } };
export const worker: Pods[number] = { name: 'worker-0', is: 'Ready' };

/** What is said and done about a job in its world. */
export function told(world: TrainingWorld) {
  const { observed, inputs } = observeJob(world);
  const { status, events, create = [], remove, requeueAfterMs } = render(observed, inputs);
  const condition = (type: string) => status.conditions?.find((each) => each.type === type);
  return { status, events, create, remove, requeueAfterMs, condition };
}
