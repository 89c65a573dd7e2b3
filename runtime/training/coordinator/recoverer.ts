import { totalSteps, type BatchPlan } from '../batches.ts';
import { CheckpointDamaged, findCheckpoints, type FoundCheckpoint } from '../checkpoint-reader.ts';
import { persistently, type Patience } from '../checkpoint-writer.ts';
import type { CheckpointKeeper } from './checkpoint-keeper.ts';
import { gather } from './gathering.ts';
import { Interrupted } from './interrupted.ts';
import type { Ledger } from './ledger.ts';
import type { CoordinatorOptions, PreparedJob } from './options.ts';
import { recall } from './recalling.ts';
import type { Recovery } from './recovery.ts';
import { fillWith, restore } from './restoring.ts';
import type { StageContext } from './training-stage.ts';

export interface RecovererOptions extends Pick<CoordinatorOptions, 'checkpoints' | 'slices' | 'now' | 'waits' | 'log'> {
  prepared: PreparedJob;
  plan: BatchPlan;
  ledger: Ledger;
  keeper: Pick<CheckpointKeeper, 'newest' | 'found' | 'forget'>;
  patience: Patience;
  /** When nothing is waited for any more that might not come; of the clock `now`. */
  settledAtMs: number;
}

/** Brings all servers to one version at the beginning of a generation: the newest that can be had. */
export class Recoverer {
  readonly #options: RecovererOptions;
  /** Checkpoints that somebody could not read. */
  readonly #damaged = new Set<string>();
  /** Only versions below it are worth anything. */
  #below = Infinity;
  /** The most steps that anybody has done, as far as was heard. */
  #newest = 0;

  constructor(options: RecovererOptions) {
    this.#options = options;
  }

  /** A server made a version. */
  heardOf(version: number): void {
    this.#newest = Math.max(this.#newest, version);
  }

  /** Nothing from this version on is worth anything. */
  distrust(version: number): void {
    this.#below = version;
    this.#options.keeper.forget();
  }

  /** Finds the newest checkpoint, unless it is known. */
  async #lookUpCheckpoint(signal: AbortSignal): Promise<void> {
    const { keeper } = this.#options;
    if (!keeper.newest) keeper.found((await this.#newestCheckpoint(signal))?.manifest.version);
  }

  /** Resolves with the version. Rejects with Interrupted, and TrainingFailure `DataChanged`. */
  async recover(context: StageContext): Promise<number> {
    const { prepared, ledger, keeper, plan, now, waits, settledAtMs, log } = this.#options;
    const { trainable, total } = prepared.layout;
    await this.#lookUpCheckpoint(context.signal);
    const gathered = await gather({
      ...context,
      now,
      waits,
      knownSteps: ledger.history.length,
      checkpoint: keeper.newest?.version,
      below: this.#below,
      settledAtMs,
      program: { trainable, total, totalSteps: totalSteps(plan) },
    });
    const version = await this.#goTo(gathered.recovery, context);
    this.#below = Infinity;
    const newest = Math.max(this.#newest, gathered.newest);
    ledger.revert(version, newest);
    this.#newest = version;
    log.info({ version, newest, how: gathered.recovery.kind }, 'all parameter servers have the same version');
    return version;
  }

  async #goTo(recovery: Recovery, context: StageContext): Promise<number> {
    const { prepared, ledger, slices, patience } = this.#options;
    switch (recovery.kind) {
      case 'Continue':
        return this.#goOn(recovery, context);
      case 'Checkpoint':
        return this.#readCheckpoint(context);
      case 'Start': {
        ledger.reset();
        const sources = context.incarnations.map(() => ({ kind: 'Fill' }) as const);
        const fill = fillWith(slices, context, 0, prepared.initialWeights());
        await restore({ ...context, version: 0, sources, fill, onFault: patience.onTrouble });
        return 0;
      }
    }
  }

  async #goOn(
    { version, fills, recall: holder }: Extract<Recovery, { kind: 'Continue' }>,
    context: StageContext,
  ): Promise<number> {
    const { ledger, patience } = this.#options;
    const isFilled = (server: number): boolean => fills.some((fill) => fill.server === server);
    const sources = context.incarnations.map((_, server) => ({ kind: isFilled(server) ? 'Fill' : 'Held' }) as const);
    // One that comes back under the number of a worker that was to fill a server has nothing to fill it with.
    const stop = context.members.listen({
      workerLeft: ({ index }) => {
        if (fills.some(({ worker }) => worker === index)) context.abort(new Interrupted(`worker ${index} left`));
      },
    });
    try {
      if (holder !== undefined) await recall(context, holder, version, ledger);
      else if (!ledger.isKnown) ledger.reset();
      await restore({ ...context, version, sources, fills, onFault: patience.onTrouble });
    } finally {
      stop();
    }
    return version;
  }

  async #readCheckpoint(context: StageContext): Promise<number> {
    const { checkpoints, ledger, keeper, patience, log } = this.#options;
    const checkpoint = await this.#newestCheckpoint(context.signal);
    if (!checkpoint) {
      keeper.forget();
      throw new Interrupted('the checkpoint that was there is gone');
    }
    const { folder, manifest } = checkpoint;
    const damaged = (message: string): void => {
      log.error({ reason: message }, 'a checkpoint is damaged; the one before it is taken');
      this.#damaged.add(folder);
      keeper.forget();
    };
    try {
      await persistently(() => ledger.load(checkpoints, checkpoint), { ...patience, signal: context.signal });
    } catch (error) {
      if (!(error instanceof CheckpointDamaged)) throw error;
      damaged(error.message);
      throw new Interrupted(error.message);
    }
    await restore({
      ...context,
      version: manifest.version,
      sources: context.incarnations.map(() => ({ kind: 'Checkpoint', folder, forEvaluation: false })),
      onFault: patience.onTrouble,
      onUnreadable: (_, message) => damaged(message),
    });
    keeper.found(manifest.version);
    return manifest.version;
  }

  async #newestCheckpoint(signal: AbortSignal): Promise<FoundCheckpoint | undefined> {
    const { checkpoints, patience } = this.#options;
    const found = await persistently(() => findCheckpoints(checkpoints, 'checkpoints'), { ...patience, signal });
    return found.find(({ folder, manifest }) => !this.#damaged.has(folder) && manifest.version < this.#below);
  }
}
