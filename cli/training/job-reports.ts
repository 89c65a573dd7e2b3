import { trainingJobKind } from '../../operator/controllers/kinds.ts';
import { trainingNames } from '../../operator/core/metadata.ts';
import type { TrainingJob } from '../../operator/api/training-job.gen.ts';

import { adminPaths } from '../../runtime/contract.ts';
import { trainingPorts, type TrainingReport } from '../../runtime/training-contract.ts';
import type { LocalCluster } from '../local/cluster.ts';
import type { PodStatus } from '../local/pod.ts';
import { podKind } from '../local/workloads.ts';
import { isOver } from './job-lines.ts';

const everyMs = 500;
const timeoutMs = 1_000;

export interface JobReport {
  job: TrainingJob;
  report: TrainingReport;
}

/** Server 0 knows how far its job is. Undefined where it does not answer, as while it starts or ends. */
async function askServer(
  cluster: LocalCluster,
  { metadata: { name, namespace } }: TrainingJob,
): Promise<TrainingReport | undefined> {
  const podName = trainingNames(name).parameterServer(0);
  const pod = cluster.all(podKind, namespace).find(({ metadata }) => metadata.name === podName);
  const { podIP } = (pod?.status ?? {}) as Partial<PodStatus>;
  if (podIP === undefined) return undefined;
  try {
    const answer = await fetch(`http://${podIP}:${trainingPorts.admin}${adminPaths.report}`, {
      signal: AbortSignal.timeout(timeoutMs),
    });
    const report = (await answer.json()) as TrainingReport;
    return report.podName === podName ? report : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Asks about every job that is not over, twice a second, until the returned function is called: the operator's status is for
 * many watchers and comes less often. `onReports` gets those that answered.
 */
export function followReports(cluster: LocalCluster, onReports: (reports: JobReport[]) => void): () => void {
  let stopped = false;
  const look = async (): Promise<void> => {
    const jobs = (cluster.all(trainingJobKind) as TrainingJob[]).filter((job) => !isOver(job));
    const asked = jobs.map(async (job) => ({ job, report: await askServer(cluster, job) }));
    const answers = await Promise.all(asked);
    if (stopped) return;
    onReports(answers.flatMap(({ job, report }) => (report === undefined ? [] : [{ job, report }])));
    timer = setTimeout(() => void look(), everyMs);
  };
  let timer = setTimeout(() => void look(), everyMs);
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}
