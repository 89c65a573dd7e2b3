import { TrainingFailure } from '../../errors.ts';
import type { TrainingFault } from '../../training-contract.ts';
import { batchOf, stepsPerEpoch, totalSteps, type BatchPlan } from '../batches.ts';
import { metricsOf } from '../metrics.ts';
import { chunkRowsOf, EvaluationStage } from './evaluation-stage.ts';
import type { CheckpointKeeper } from './checkpoint-keeper.ts';
import type { Evaluation } from './history.ts';
import type { Ledger } from './ledger.ts';
import type { CoordinatorOptions, PreparedJob, TrainingResult } from './options.ts';
import { pullAll, restore } from './restoring.ts';
import { bestOf, isExhausted } from './state.ts';
import { TrainingStage, type StageContext } from './training-stage.ts';

export interface GenerationRunOptions {
  job: CoordinatorOptions['job'];
  slices: CoordinatorOptions['slices'];
  prepared: PreparedJob;
  ledger: Ledger;
  keeper: CheckpointKeeper;
  context: StageContext;
  /** A context for what follows, whose messages are told apart from those before. */
  nextContext: () => StageContext;
  onStep: (steps: number) => void;
  onFinishing: () => void;
  /** The weights of the best epoch cannot be read: nothing from there on is worth anything. */
  onBestLost: (version: number) => void;
  onFault: (fault: TrainingFault | undefined) => void;
}

/** Trains from the version that all servers have to the end of the job, as long as no server is lost. */
export class GenerationRun {
  readonly #options: GenerationRunOptions;
  readonly #plan: BatchPlan;
  #evaluations = 0;

  constructor(options: GenerationRunOptions) {
    this.#options = options;
    this.#plan = { ...options.job, rows: options.prepared.split.train };
  }

  /** Rejects with the reason of the context's signal, TrainingFailure, Superseded. */
  async run(from: number): Promise<TrainingResult> {
    const { job, keeper, context, ledger } = this.#options;
    const { generation, signal } = context;
    const [perEpoch, total] = [stepsPerEpoch(this.#plan), totalSteps(this.#plan)];
    const progress = { steps: from };
    const training = new AbortController();
    const background = keeper
      .keepWriting(generation, total, () => progress.steps, AbortSignal.any([signal, training.signal]))
      .catch((error: unknown) => {
        if (error !== trainingIsOver && !signal.aborted) context.abort(error);
      });
    for (;;) {
      const version = progress.steps;
      if (version > 0 && version % perEpoch === 0 && ledger.evaluations.at(-1)?.version !== version) {
        await this.#endEpoch(version, perEpoch);
      }
      if (version >= total || isExhausted(ledger.evaluations, job.patience)) break;
      await new TrainingStage({
        ...context,
        from: version,
        until: Math.min(total, (Math.floor(version / perEpoch) + 1) * perEpoch),
        leaves: job.gradientShards,
        clipNorm: job.optimizer.clipNorm,
        onStep: (steps) => {
          progress.steps = steps;
          this.#options.onStep(steps);
        },
      }).run();
    }
    training.abort(trainingIsOver);
    await background;
    return this.#finish(progress.steps);
  }

  async #endEpoch(version: number, perEpoch: number): Promise<void> {
    const { ledger, keeper, context } = this.#options;
    const trainingLoss = ledger.history.mean(version - perEpoch, version, (step) => rowsOf(this.#plan, step));
    const metrics = await this.#evaluate(context, version, 'validation');
    const evaluation: Evaluation = { version, trainingLoss, metrics };
    // Without a validation split the best weights are the last ones, which need no copy.
    const isBetter = metrics.loss !== undefined && bestOf([...ledger.evaluations, evaluation]) === evaluation;
    const best = isBetter
      ? { version, folder: await keeper.write('best', version, context.generation, context.signal) }
      : undefined;
    ledger.add(evaluation, best);
  }

  /** Nothing where the split has no rows. */
  async #evaluate(
    context: StageContext,
    version: number,
    split: 'validation' | 'test',
  ): Promise<Record<string, number>> {
    const { job, prepared } = this.#options;
    const { label } = prepared;
    const sums = await new EvaluationStage({
      ...context,
      evaluation: ++this.#evaluations,
      version,
      split,
      rows: prepared.split[split],
      chunkRows: chunkRowsOf(job),
      label,
    }).run();
    const metrics = metricsOf(label, sums, job.metrics);
    if (Object.values(metrics).some((value) => !Number.isFinite(value)))
      throw lossNotFinite(`on the ${split} split`, version);
    return metrics;
  }

  async #finish(version: number): Promise<TrainingResult> {
    const { slices, prepared, ledger, keeper, context, onFinishing } = this.#options;
    const best = bestOf(ledger.evaluations);
    if (!best) throw new Error('training ended without an epoch');
    onFinishing();
    // Whatever is lost from here on, the last version and all that was measured can be had again.
    if (keeper.newest?.version !== version)
      await keeper.write('checkpoints', version, context.generation, context.signal);
    const lastWeights = await pullAll(slices, context, version, prepared.layout.total);
    const atBest = best.version === version ? context : await this.#goTo(best.version);
    const bestWeights =
      best.version === version ? lastWeights : await pullAll(slices, atBest, best.version, prepared.layout.total);
    const measured = await this.#evaluate(atBest, best.version, 'test');
    return {
      prepared,
      steps: version,
      best: { version: best.version, weights: bestWeights },
      last: { version, weights: lastWeights },
      testMetrics: [measured, best.metrics, { loss: best.trainingLoss }].find(({ loss }) => loss !== undefined) ?? {},
      losses: ledger.history.slice(0, version),
      evaluations: ledger.evaluations,
      recomputedSteps: ledger.recomputedSteps,
    };
  }

  /** Has the servers read the best weights, of which no training goes on. */
  async #goTo(version: number): Promise<StageContext> {
    const { ledger, nextContext, onFault } = this.#options;
    if (ledger.best?.version !== version) throw new Error(`the weights of version ${version} were not written`);
    const { folder } = ledger.best;
    const context = nextContext();
    const { members, generation, incarnations } = context;
    members.pause(generation);
    await restore({
      ...context,
      version,
      sources: incarnations.map(() => ({ kind: 'Checkpoint', folder, forEvaluation: true })),
      onFault,
      onUnreadable: () => this.#options.onBestLost(version),
    });
    return context;
  }
}

const trainingIsOver = new Error('training is over');

export function rowsOf(plan: BatchPlan, step: number): number {
  const { from, to } = batchOf(plan, step).positions;
  return to - from;
}

export const lossNotFinite = (where: string, version: number): TrainingFailure =>
  new TrainingFailure({
    reason: 'LossNotFinite',
    message: `the loss ${where} after ${version} steps is not a finite number; lower spec.train.optimizer.learningRate, or set clipNorm there`,
    retrying: false,
  });
