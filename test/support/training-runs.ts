import { pointsOfClasses } from './training-job.ts';
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

/** What is trained. */
export type Subject = Pick<ClusterOptions, 'job' | 'data'>;

/** 100 steps with Adam and Dropout, on three servers' worth of weights. */
export const perceptron: Subject = { job: { epochs: 10 } };

/** 100 steps of convolutions with batch normalisation, clipped; one of three servers has none of the weights. */
export const convolutions: Subject = {
  data: pointsOfClasses(36),
  job: {
    epochs: 10,
    data: { shape: [1, 6, 6] },
    model: {
      kind: 'Cnn',
      channels: [12, 40],
      kernelSize: 3,
      activation: 'Relu',
      batchNormalization: true,
      dropout: 0.1,
    },
    optimizer: {
      name: 'Nesterov',
      learningRate: 0.05,
      weightDecay: 1e-4,
      clipNorm: 0.5,
      schedule: { name: 'Cosine', warmupSteps: 5 },
    },
  },
};
