import type { Log } from '../../../lib/log.ts';
import { TrainingFailure } from '../../errors.ts';
import type { WritableFolder } from '../../store/writable-folder.ts';
import type { TrainingJobFile, TrainingOutcome } from '../../training-contract.ts';
import { persistently } from '../checkpoint-writer.ts';
import { CheckpointDamaged, readManifest, readVector } from '../checkpoint-reader.ts';
import { manifestName } from '../checkpoint-format.ts';
import type { Kernels } from '../kernels.ts';
import { blockLength, slicesOf, trainableIn } from '../layout.ts';
import { learningRateAt } from '../learning-rate.ts';
import { coordinatorToServer, type CoordinatorToServer, type ServerToCoordinator } from '../messages.ts';
import { TransportError, type Connection, type Receiver } from '../transport/connection.ts';
import { updateRule, type StateView, type UpdateRule } from '../update-rule.ts';
import { DataPort, type CoordinatorRecord, type KnownRecord } from './data-port.ts';
import type { Reached } from './fault-points.ts';
import { ContributionPool, GradientSum, type Contribution } from './gradient-sum.ts';
import { Snapshots } from './snapshots.ts';
import { Versions, type Version } from './versions.ts';

export interface ParameterServerOptions {
  index: number;
  servers: number;
  job: TrainingJobFile;
  kernels: Kernels;
  /** Of this job alone. */
  checkpoints: WritableFolder;
  random: () => number;
  log: Log;
  reached: Reached;
  /** Of server 0: what its mirror keeps of the coordinator. */
  record?: (version: number, known: KnownRecord) => CoordinatorRecord;
  /** Of server 0: the training loss of a step that is done, before anybody can see its version. */
  onLoss?: (step: number, loss: number) => void;
  /** The coordinator said that the job is over, or, without an outcome, that what could be saved is saved. */
  onEnd(outcome: TrainingOutcome | undefined): void;
}

type Program = Omit<Extract<CoordinatorToServer, { type: 'program' }>, 'type'>;
type Restore = Extract<CoordinatorToServer, { type: 'restore' }>;

/** What depends on the program, which the coordinator tells. */
interface Slice {
  program: Program;
  versions: Versions;
  pool: ContributionPool;
}

/**
 * One slice of the parameters: sums contributions, makes the next version, hands versions out. It does as the coordinator says,
 * and keeps what it has while there is none.
 */
export class ParameterServer {
  readonly #options: ParameterServerOptions;
  readonly #rule: UpdateRule;
  readonly #snapshots: Snapshots;
  readonly #data: DataPort;
  #slice: Slice | undefined;
  #generation = 0;
  /** Of the newest message of this coordinator, of which older ones are ignored. */
  #obeyed = 0;
  /** Of the step that makes the next version; absent unless training goes on. */
  #sum: GradientSum | undefined;
  #applying: GradientSum | undefined;
  #scale: { step: number; resolve: (scale: number) => void } | undefined;
  #restoring = new AbortController();
  #coordinator: Connection<ServerToCoordinator> | undefined;

  constructor(options: ParameterServerOptions) {
    const { job, kernels, checkpoints, random, reached, record } = options;
    this.#options = options;
    this.#rule = updateRule(kernels, job.optimizer);
    const say = (message: ServerToCoordinator): void => void this.#say(message);
    this.#snapshots = new Snapshots({ store: checkpoints, kernels, random, reached, say });
    this.#data = new DataPort({
      reached,
      record,
      state: () => this.#slice && { ...this.#slice, generation: this.#generation, sum: this.#sum },
      contributed: (sum) => this.#contributed(sum),
      filled: (version) => this.#begin(version, true),
    });
  }

  /** Takes a connection from a worker, or from the coordinator when it fills or reads this slice. */
  get data(): DataPort {
    return this.#data;
  }

  /** Float32 of optimizer state for each parameter. */
  get slots(): number {
    return this.#rule.slots;
  }

  /** Whether versions are handed out. */
  get isServing(): boolean {
    return this.#data.isOpen;
  }

  /**
   * Takes a connection to the coordinator. Only the newest one counts, whatever generation it begins with: a coordinator whose storage was emptied
   * counts anew.
   */
  control(connection: Connection<ServerToCoordinator>): Receiver<CoordinatorToServer> {
    this.#coordinator = connection;
    this.#obeyed = 0;
    return {
      schema: coordinatorToServer,
      message: (message, payloadBytes) => {
        if (payloadBytes > 0) throw new TransportError('Protocol', `${message.type} has no payload`);
        if (this.#coordinator === connection) this.#obey(message);
        return undefined;
      },
      closed: () => {
        if (this.#coordinator === connection) this.#coordinator = undefined;
      },
    };
  }

  /** Asks the coordinator to have saved what there is. False: nobody is there to ask. */
  askToStop(): boolean {
    return this.#say({ type: 'stopping' });
  }

  #say(message: ServerToCoordinator, payload?: Float64Array): boolean {
    if (!this.#coordinator) return false;
    void this.#coordinator.send(message, payload);
    return true;
  }

  #obey(message: CoordinatorToServer): void {
    if ('generation' in message) {
      if (message.generation < this.#obeyed) return;
      this.#obeyed = message.generation;
    }
    switch (message.type) {
      case 'program':
        this.#become(message);
        return;
      case 'pause':
        this.#pause(message.generation);
        return;
      case 'restore':
        void this.#restore(message);
        return;
      case 'snapshot':
        if (this.#slice) this.#snapshots.request(message, this.#slice.versions);
        return;
      case 'scale':
        if (this.#scale?.step === message.step) this.#scale.resolve(message.scale);
        return;
      case 'askMissing': {
        const leaves = this.#sum?.step === message.step ? this.#sum.missing() : [];
        this.#say({ type: 'missing', generation: this.#generation, step: message.step, leaves });
        return;
      }
      case 'stopped':
        this.#options.onEnd(undefined);
        return;
      case 'finish':
        this.#options.onEnd(message.outcome);
    }
  }

  /** The same program as before changes nothing. */
  #become({ trainable, total, totalSteps }: Program): void {
    const before = this.#slice?.program;
    if (before?.total === total && before.trainable === trainable && before.totalSteps === totalSteps) return;
    this.#slice?.versions.free();
    this.#slice?.pool.free();
    const { index, servers, kernels } = this.#options;
    const slice = slicesOf(total, servers)[index] ?? { from: total, to: total };
    const pool = new ContributionPool(kernels, slice.to - slice.from);
    const versions = new Versions(kernels, slice, this.#rule.slots, pool);
    this.#slice = { program: { trainable, total, totalSteps }, versions, pool };
  }

  #pause(generation: number): void {
    this.#generation = generation;
    this.#sum?.release();
    this.#sum = undefined;
    this.#applying = undefined;
    this.#scale = undefined;
    this.#restoring.abort();
    this.#snapshots.cancel();
    this.#data.refuseAll();
    this.#slice?.versions.disown();
    this.#say({ type: 'holdings', generation, versions: this.#slice?.versions.held() ?? [] });
  }

  async #restore({ generation, version, from }: Restore): Promise<void> {
    const slice = this.#slice;
    if (!slice) throw new Error('a restore came before the program');
    this.#generation = generation;
    const { versions } = slice;
    if (from.kind === 'Held') {
      if (!versions.revert(version)) throw new Error(`version ${version} was reported and is not held`);
      this.#begin(version, true);
      return;
    }
    versions.forget();
    const target = await versions.spare();
    if (generation !== this.#generation) return;
    for (const slot of target.slots) slot.fill(0);
    if (from.kind === 'Fill') {
      this.#data.expectFill(version, target);
      this.#say({ type: 'expecting', generation, version });
    } else if (await this.#load(generation, from.folder, from.forEvaluation, target)) {
      versions.publish(target, version, !from.forEvaluation);
      this.#begin(version, !from.forEvaluation);
    }
  }

  /** False: it cannot be read, or is not wanted any more. */
  async #load(generation: number, folder: string, forEvaluation: boolean, target: Version): Promise<boolean> {
    const { checkpoints, random } = this.#options;
    const slice = this.#slice?.versions.slice ?? { from: 0, to: 0 };
    this.#restoring = new AbortController();
    const { signal } = this.#restoring;
    try {
      await persistently(
        async () => {
          const manifest = await readManifest(checkpoints, folder + manifestName);
          if (!manifest) throw new CheckpointDamaged(`${checkpoints.uri}/${folder} has no manifest that makes sense`);
          for (const [vector, into] of [target.weights, ...(forEvaluation ? [] : target.slots)].entries()) {
            await readVector(checkpoints, { folder, manifest }, vector, slice, into, signal);
          }
        },
        {
          random,
          signal,
          onTrouble: (fault) => fault && this.#say({ type: 'troubled', generation, folder, fault }),
        },
      );
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      if (error instanceof CheckpointDamaged) {
        this.#say({ type: 'unreadable', generation, folder, message: error.message });
      } else if (error instanceof TrainingFailure) {
        this.#say({ type: 'troubled', generation, folder, fault: error.fault });
      } else throw error;
      return false;
    }
  }

  /** @param trains whether contributions are summed from here on */
  #begin(version: number, trains: boolean): void {
    const slice = this.#slice;
    if (!slice) return;
    const { job, kernels } = this.#options;
    if (trains) this.#sum = new GradientSum(version, job.gradientShards, kernels, slice.pool);
    this.#data.open();
    this.#say({ type: 'restored', generation: this.#generation, version });
  }

  #contributed(sum: GradientSum): void {
    const { whole } = sum;
    if (!whole || sum !== this.#sum || this.#applying || !this.#slice) return;
    this.#applying = sum;
    void this.#apply(sum, whole, this.#slice);
  }

  /** Makes the next version, unless a new generation begins meanwhile. */
  async #apply(sum: GradientSum, whole: Contribution, { program, versions, pool }: Slice): Promise<void> {
    const { job, kernels, reached, log } = this.#options;
    const { step } = sum;
    const trainable = trainableIn(versions.slice, program.trainable);
    const gradient = whole.values.subarray(0, trainable);
    const gradientScale = job.optimizer.clipNorm === undefined ? 1 : await this.#askForScale(step, gradient);
    if (sum !== this.#applying) return;
    const next = await versions.spare();
    if (sum !== this.#applying) return;
    const { loss } = whole;
    const learningRate = learningRateAt(job.optimizer, step + 1, program.totalSteps);
    next.update = { gradient: sum.take(), learningRate, gradientScale };
    this.#options.onLoss?.(step, loss);
    // A mirror may be through with the next step before this server is with this one.
    const following = new GradientSum(step + 1, job.gradientShards, kernels, pool);
    this.#sum = following;
    this.#data.making(next, step + 1);
    const at = { step: step + 1, learningRate, gradientScale };
    this.#rule.apply(part(versions.newest, trainable), gradient, part(next, trainable), at);
    next.weights.set(whole.values.subarray(trainable), trainable);
    const pause = reached('ServerApplying', step);
    if (pause) await pause;
    if (sum !== this.#applying) return;
    versions.publish(next, step + 1, true);
    this.#applying = undefined;
    log.trace({ step, loss }, 'a step is done');
    this.#snapshots.made(next, versions);
    this.#say({ type: 'applied', generation: this.#generation, version: step + 1 });
    this.#data.made(next);
    this.#contributed(following);
  }

  /** What the gradient is to be multiplied by, which depends on all slices. Never answered where a new generation begins. */
  #askForScale(step: number, gradient: Float32Array): Promise<number> {
    const { promise, resolve } = Promise.withResolvers<number>();
    this.#scale = { step, resolve };
    this.#say(
      { type: 'norms', generation: this.#generation, step },
      this.#options.kernels.sumOfSquares(gradient, blockLength),
    );
    return promise;
  }
}

const part = ({ weights, slots }: StateView, length: number): StateView => ({
  weights: weights.subarray(0, length),
  slots: slots.map((slot) => slot.subarray(0, length)),
});
