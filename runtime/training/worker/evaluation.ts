import type { Dataset } from '../data/dataset.ts';
import type { CoordinatorToWorker } from '../messages.ts';
import type { MetricSums } from '../metrics.ts';
import type { Engine } from './engine.ts';
import type { HeldVersions } from './held-versions.ts';

export type Evaluation = Extract<CoordinatorToWorker, { type: 'evaluate' }>;

export interface EvaluationOptions {
  engine: Pick<Engine, 'threads' | 'evaluate'>;
  held: Pick<HeldVersions, 'claim'>;
  dataset: Pick<Dataset, 'read'>;
  /** Of the model's data input. */
  inputName: string;
  /** Called for each chunk as it is done. */
  evaluated: (chunk: number, sums: MetricSums) => void;
  isOver: () => boolean;
}

/** Runs the model on the rows of each chunk. Rejects with TrainingFailure. */
export async function evaluate({ version, split, chunks }: Evaluation, options: EvaluationOptions): Promise<void> {
  const { engine, held, dataset, inputName, evaluated, isOver } = options;
  const { ended, parameters, release } = held.claim(version);
  try {
    if ((await ended) !== 'Here') return;
    const waiting = [...chunks];
    // One more than there are threads: its rows are read meanwhile.
    const lanes = Array.from({ length: engine.threads + 1 }, async () => {
      for (let next = waiting.shift(); next !== undefined && !isOver(); next = waiting.shift()) {
        const rows = await dataset.read(split, 0, next.from, next.to, inputName);
        evaluated(next.chunk, await engine.evaluate({ parameters, rows }));
      }
    });
    await Promise.all(lanes);
  } finally {
    release();
  }
}
