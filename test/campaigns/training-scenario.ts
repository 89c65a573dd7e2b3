import type { ModelDeployment } from '../../operator/api/model-deployment.gen.ts';
import type { TrainingJob } from '../../operator/api/training-job.gen.ts';
import { modelDeploymentKind, trainingJobKind } from '../../operator/controllers/kinds.ts';
import type { KubeObject } from '../../operator/kube/object.ts';
import type { PlayedReport } from '../behaviour/platform.ts';
import { type Act, owned, until } from './act.ts';
import { trained, training, trainingJob } from '../support/played-job.ts';

const job = 'digits';
const served = 'served';
const removed = 'removed';

const say = ({ script, namespace }: Act, report: PlayedReport): void => script.setJob(namespace, job, report);

const find = (act: Act, kind: string, name: string): KubeObject | undefined =>
  owned(act, name).find((object) => object.kind === kind);

const statusOf = (act: Act, name = job): TrainingJob['status'] =>
  (find(act, trainingJobKind.kind, name) as TrainingJob | undefined)?.status;

/** Applies the job, and waits until its status speaks of that. */
async function apply(act: Act, spec: object, what: string, holds: (status: TrainingJob['status']) => boolean) {
  const { metadata } = await act.client.apply(trainingJob(act.namespace, spec));
  await until(act, `${job} ${what}`, () => {
    const status = statusOf(act);
    return status?.observedGeneration === metadata.generation && holds(status);
  });
}

/** Its node stops a worker. A pod that somebody deletes is let go by KWOK, which may let go of its successor, too. */
async function evictWorker(act: Act): Promise<void> {
  const pod = act.trace.podsOf(act.namespace, job).find(({ metadata }) => metadata.name === `${job}-worker-0`);
  if (pod === undefined) throw new Error('there is no worker to be lost');
  act.script.setPod(pod, { state: 'Evicted', message: 'The node was low on resource: memory.' });
  await act.player.again();
}

/** All containers end well. */
async function endPods(act: Act): Promise<void> {
  for (const pod of act.trace.podsOf(act.namespace, job)) act.script.setPod(pod, { state: 'Completed' });
  await act.player.again();
}

/** Trains, scales, loses a worker, suspends, resumes and ends a job, whose model is served; another one is deleted. */
export async function trainingScenario(act: Act): Promise<void> {
  const { client, namespace } = act;
  const one = { parameterServers: { replicas: 1 }, workers: { replicas: 1 } };
  const two = { ...one, workers: { replicas: 2 } };
  say(act, training(10));
  await apply(act, one, 'trains', (status) => status?.phase === 'Running' && status.workers?.ready === 1);
  await apply(act, two, 'has two workers', (status) => status?.workers?.ready === 2);
  await evictWorker(act);
  await until(act, `${job} has two workers again`, () => {
    const { ready, evictions } = statusOf(act)?.workers ?? {};
    return ready === 2 && evictions === 1;
  });
  await apply(act, { ...two, runPolicy: { suspend: true } }, 'is suspended', (status) => status?.phase === 'Suspended');
  await apply(act, two, 'trains again', (status) => status?.phase === 'Running' && status.workers?.ready === 2);
  say(act, trained(0.9));
  await until(act, `${job} is over`, () => statusOf(act)?.phase === 'Succeeded');
  await endPods(act);

  const { apiVersion, kind } = modelDeploymentKind;
  const spec = { model: { trained: { name: 'digits' } } };
  await client.apply({ apiVersion, kind, metadata: { name: served, namespace }, spec });
  await until(act, `${served} serves what ${job} made`, () => {
    const status = (find(act, kind, served) as ModelDeployment | undefined)?.status;
    // Its inputs come from a pod, its digest does not.
    return (
      status?.readyReplicas === 1 &&
      status.model?.inputs !== undefined &&
      status.model.digest === status.trained?.digest
    );
  });

  await client.apply(trainingJob(namespace, one, removed));
  // An operator that has just begun may know of a job and not of its end yet, and make again what went with it.
  await until(act, `${removed} has its pods`, () => {
    const { parameterServers, workers } = statusOf(act, removed) ?? {};
    return parameterServers?.ready === 1 && workers?.ready === 1;
  });
  await client.remove({ ...trainingJobKind, name: removed, namespace });
  const left = () => [...owned(act, removed), ...act.trace.podsOf(namespace, removed)];
  await until(act, `${removed} is gone`, () => left().length === 0);
}
