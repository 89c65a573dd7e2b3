import { expect, test } from '@jest/globals';
import { servingEnv } from '../../runtime/contract.ts';
import type { HistoryPoint } from '../../runtime/training-contract.ts';
import { TrainingCluster, workerName, type ClusterOptions, type Result } from '../support/training.ts';
import { pointsOfClasses, type JobChanges } from '../support/training-job.ts';

const timeoutMs = 300_000;

const job: JobChanges = {
  model: { kind: 'Cnn', channels: [8, 16], kernelSize: 3, activation: 'Tanh', batchNormalization: true, dropout: 0.1 },
  data: { shape: [1, 8, 8] },
  epochs: 6,
};
const data = pointsOfClasses(64);
const onGpu = (pod: string): Record<string, string> =>
  pod.startsWith('job-worker') ? { [servingEnv.executionProvider]: 'cuda' } : {};

async function trained(
  options: Partial<ClusterOptions>,
  during: (cluster: TrainingCluster) => Promise<void> = () => Promise.resolve(),
): Promise<Result & { deaths: string[] }> {
  const cluster = await TrainingCluster.start({ servers: 1, workers: 1, job, data, ...options });
  try {
    await during(cluster);
    const result = await cluster.result(timeoutMs);
    return { ...result, deaths: cluster.deaths };
  } finally {
    await cluster.end();
  }
}

const historyOf = ({ report }: Result): HistoryPoint[] => report.job?.history ?? [];

test(
  'a convolutional network that a GPU trains takes the course that it takes on a CPU',
  async () => {
    const [cpu, gpu] = [await trained({}), await trained({ environment: onGpu })];
    expect(gpu.outcome).toMatchObject({ succeeded: true, reason: 'Trained' });
    expect(gpu.deaths).toEqual([]);
    const expected = historyOf(cpu);
    expect(historyOf(gpu)).toHaveLength(expected.length);
    for (const [index, { step, loss }] of historyOf(gpu).entries()) {
      expect(step).toBe(expected[index]?.step);
      expect(Math.abs(loss - (expected[index]?.loss ?? NaN))).toBeLessThan(1e-4);
    }
    const [first, last] = [historyOf(gpu)[0]?.loss ?? NaN, historyOf(gpu).at(-1)?.loss ?? NaN];
    expect(last).toBeLessThan(first / 2);
  },
  timeoutMs,
);

test(
  'a worker that dies while it has the GPU is replaced, and the job ends well',
  async () => {
    const { outcome, deaths } = await trained({ workers: 2, environment: onGpu }, async (cluster) => {
      await cluster.reached(12);
      await cluster.kill(workerName(0));
    });
    expect(outcome).toMatchObject({ succeeded: true, reason: 'Trained' });
    expect(deaths).toEqual([`${workerName(0)} SIGKILL`]);
  },
  timeoutMs,
);
