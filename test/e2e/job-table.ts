import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { TrainingJobStatus } from '../../operator/api/training-job.gen.ts';
import { binaries } from '../cluster/binaries.ts';

export interface JobTable {
  /** Every row so far, without the age, as words. */
  rows(): string[];
  stop(): Promise<void>;
}

/** `kubectl get trainingjobs NAME --watch`, as somebody sees it who waits for a job. */
export async function watchTable(kubeconfig: string, namespace: string, job: string): Promise<JobTable> {
  const command = (await binaries('control-plane')).path('kubectl');
  const query = ['get', 'trainingjobs', job, '--namespace', namespace, '--watch', '--no-headers'];
  const child = spawn(command, [`--kubeconfig=${kubeconfig}`, ...query], { stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  let printed = '';
  child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  return {
    rows: () =>
      printed
        .split('\n')
        .slice(0, -1)
        .map((line) => line.trim().split(/\s+/).slice(0, -1).join(' ')),
    async stop() {
      child.kill();
      await closed;
    },
  };
}

/** The row of a job with this status. */
export function rowOf(job: string, status: TrainingJobStatus): string {
  const { phase, parameterServers, workers, step, loss, progress } = status;
  return [job, phase, parameterServers?.ready, workers?.ready, step, loss, progress]
    .filter((cell) => cell !== undefined)
    .join(' ');
}
