import { trainingJobKind } from '../../operator/controllers/kinds.ts';
import type { KubeObject } from '../../operator/kube/object.ts';
import type { JobProgress, TrainingOutcome } from '../../runtime/training-contract.ts';
import type { PlayedReport } from '../behaviour/platform.ts';

/** Of the model that is made or served where a test does not care which. */
export const digest = `sha256:${'a'.repeat(64)}`;

/** Two servers and two workers; `spec` changes or adds fields. */
export function trainingJob(namespace: string, spec: object = {}, name = 'digits'): KubeObject {
  return {
    apiVersion: trainingJobKind.apiVersion,
    kind: trainingJobKind.kind,
    metadata: { name, namespace },
    spec: {
      train: {
        model: { mlp: { hidden: [16] } },
        data: { uri: 's3://data/digits.csv', label: 'digit' },
        loss: 'CrossEntropy',
        metrics: ['accuracy'],
      },
      parameterServers: { replicas: 2 },
      workers: { replicas: 2 },
      output: { uri: 's3://models/', modelName: 'digits' },
      ...spec,
    },
  };
}

/** What server 0 says while it trains; `more` changes or adds what it says of the job. */
export const training = (step: number, more: Partial<JobProgress> = {}): PlayedReport => ({
  phase: 'Running',
  job: {
    step,
    totalSteps: 100,
    epoch: 1,
    loss: 0.5,
    validationMetrics: { loss: 0.6, accuracy: 0.8 },
    connectedServers: 2,
    connectedWorkers: 2,
    recomputedSteps: 0,
    history: [{ step, loss: 0.5 }],
    rows: 1_000,
    ...more,
  },
});

/** How a job ends that made a model of this accuracy. */
const trainedOutcome = (accuracy: number, made = digest): TrainingOutcome => ({
  succeeded: true,
  reason: 'Trained',
  message: '100 steps made the model',
  output: {
    uri: `s3://models/digits/${made.slice(-8)}/model`,
    digest: made,
    specHash: `sha256:${'c'.repeat(64)}`,
    dataDigest: `sha256:${'d'.repeat(64)}`,
    steps: 100,
    completedAtMs: Date.now(),
    testMetrics: { loss: 0.4, accuracy },
  },
});

/** What server 0 says once the job is over. */
export const trained = (accuracy = 0.9, made = digest): PlayedReport => ({
  ...training(100),
  phase: 'Succeeded',
  outcome: trainedOutcome(accuracy, made),
});
