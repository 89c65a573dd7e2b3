import type { TrainingJobFile } from '../../runtime/training-contract.ts';
import { serverName, TrainingCluster, workerName, type ClusterOptions, type PlannedFault } from './training.ts';

/** How a whole run of a job went. */
export interface Run {
  /** Of all that it made; see `Result`. */
  sha256: string;
  recomputedSteps: number;
  /** `POD SIGNAL` of each pod that died without being asked to. */
  deaths: string[];
}

/** Runs a job to its end; `meanwhile` does things to it. */
export async function trained(
  options: ClusterOptions,
  meanwhile: (cluster: TrainingCluster) => Promise<void> = () => Promise.resolve(),
): Promise<Run> {
  const cluster = await TrainingCluster.start(options);
  try {
    await meanwhile(cluster);
    const { outcome, sha256, report } = await cluster.result();
    if (!outcome.succeeded) throw new Error(`${outcome.reason}: ${outcome.message}`);
    return { sha256, recomputedSteps: report.job?.recomputedSteps ?? NaN, deaths: cluster.deaths };
  } finally {
    await cluster.end();
  }
}

const faultStep = 25;
const at = (pod: string, point: PlannedFault['point']): PlannedFault => ({ pod, point, step: faultStep });

/** Every place where a pod of a job may die, on a worker and on both servers of two. */
export const killPoints: readonly PlannedFault[] = [
  at(workerName(0), 'WorkerBeforePush'),
  at(workerName(0), 'WorkerAfterPush'),
  ...[serverName(0), serverName(1)].flatMap((server) => [
    at(server, 'ServerReceivedPush'),
    at(server, 'ServerApplying'),
    at(server, 'ServerBeforeAcknowledging'),
    at(server, 'ServerWroteSlice'),
  ]),
  at(serverName(0), 'CoordinatorAssigned'),
  at(serverName(0), 'CoordinatorBeforeManifest'),
  at(serverName(0), 'CoordinatorAfterManifest'),
  at(serverName(0), 'CoordinatorBeforeOutcome'),
  at(serverName(0), 'CoordinatorAfterOutcome'),
];

/** 100 steps of a perceptron with Dropout. */
export const perceptron: Partial<TrainingJobFile> = { epochs: 10 };
