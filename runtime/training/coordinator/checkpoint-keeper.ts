import type { Log } from '../../../lib/log.ts';
import type { WritableFolder } from '../../store/writable-folder.ts';
import type { TrainingFault, TrainingJobFile } from '../../training-contract.ts';
import { TrainingFailure } from '../../errors.ts';
import {
  checkpointFolder,
  firstGeneration,
  generationOf,
  manifestName,
  type CheckpointKind,
  type Manifest,
  type Piece,
} from '../checkpoint-format.ts';
import { digestOf, persistently, type Patience } from '../checkpoint-writer.ts';
import { bytesOf } from '../transport/connection.ts';
import { renewIncarnation } from '../server/incarnation.ts';
import type { Reached } from '../server/fault-points.ts';
import type { CoordinatorState } from './state.ts';
import type { Members } from './members.ts';
import { until } from './until.ts';

/** Another incarnation of the coordinator took over. */
export class Superseded extends Error {
  override readonly name = 'Superseded';
  readonly code = 'Superseded';
}

export interface CheckpointKeeperOptions {
  store: WritableFolder;
  job: TrainingJobFile;
  members: Members;
  incarnation: number;
  /** Of the flat vector. */
  total: number;
  /** Of the optimizer. */
  slots: number;
  random: () => number;
  log: Log;
  reached: Reached;
  /** What was known, and the losses, when so many steps were done. */
  recordAt: (version: number) => { state: CoordinatorState; losses: Float64Array };
  onFault: (fault: TrainingFault | undefined) => void;
  /** The version of the newest checkpoint. */
  onWritten: (version: number | undefined) => void;
}

/** A checkpoint that servers are writing. */
interface Pending {
  folder: string;
  version: number;
  pieces: Map<number, Piece[]>;
}

/** Steps that servers may be ahead of what is known here, at most; beyond it the next checkpoint waits longer. */
const maxLead = 256;

/** Has the servers write their slices, and makes checkpoints of them. */
export class CheckpointKeeper {
  readonly #options: CheckpointKeeperOptions;
  /** Undefined where that has to be looked up. */
  #newest: { version: number | undefined } | undefined;

  constructor(options: CheckpointKeeperOptions) {
    this.#options = options;
  }

  /** The newest checkpoint, if there is one; undefined where that is not known. */
  get newest(): { version: number | undefined } | undefined {
    return this.#newest;
  }

  /** It was looked up. */
  found(version: number | undefined): void {
    this.#newest = { version };
    this.#options.onWritten(version);
  }

  /** It has to be looked up. */
  forget(): void {
    this.#newest = undefined;
  }

  /**
   * Has a checkpoint written every so many steps while training goes on, one at a time, until the signal is aborted. Rejects with
   * TrainingFailure and Superseded.
   *
   * @param steps how many are done
   */
  async keepWriting(generation: number, totalSteps: number, steps: () => number, signal: AbortSignal): Promise<void> {
    const { every } = this.#options.job.checkpoint;
    for (let lead = 1; ;) {
      const version = (Math.floor((steps() + lead - 1) / every) + 1) * every;
      if (version >= totalSteps) return;
      const pieces = await this.#collect('checkpoints', version, generation, { vectors: 'All', copy: true }, signal);
      if (pieces === 'Missed') {
        lead = Math.min(maxLead, lead * 2);
        continue;
      }
      await this.#publish('checkpoints', version, generation, pieces, signal);
    }
  }

  /**
   * Has a version that stands still written, and resolves with its folder once it counts. Rejects with the signal's reason, TrainingFailure and
   * Superseded.
   */
  async write(kind: CheckpointKind, version: number, generation: number, signal: AbortSignal): Promise<string> {
    const vectors = kind === 'best' ? 'Weights' : 'All';
    const pieces = await this.#collect(kind, version, generation, { vectors, copy: false }, signal);
    if (pieces === 'Missed') throw new Error(`version ${version} stands still and is not there`);
    await this.#publish(kind, version, generation, pieces, signal);
    return checkpointFolder(kind, version, generation);
  }

  #collect(
    kind: CheckpointKind,
    version: number,
    generation: number,
    how: { vectors: 'All' | 'Weights'; copy: boolean },
    signal: AbortSignal,
  ): Promise<Piece[] | 'Missed'> {
    const { members, onFault } = this.#options;
    const folder = checkpointFolder(kind, version, generation);
    const pending: Pending = { folder, version, pieces: new Map() };
    return until(signal, (resolve, reject) => {
      const stop = members.listen({
        serverSaid: ({ index }, message) => {
          if (!('folder' in message) || message.folder !== folder) return;
          if (message.type === 'troubled') onFault(message.fault);
          else if (message.type === 'missed') resolve('Missed');
          else if (message.type === 'written') {
            if (!message.finite) reject(notFinite(version));
            pending.pieces.set(index, message.pieces);
            if (pending.pieces.size === members.servers.length + members.absent.length) {
              resolve([...pending.pieces.values()].flat().sort((a, b) => a.vector - b.vector || a.from - b.from));
            }
          }
        },
      });
      members.toServers({ type: 'snapshot', generation, version, folder, ...how });
      return stop;
    });
  }

  async #publish(
    kind: CheckpointKind,
    version: number,
    generation: number,
    pieces: Piece[],
    signal: AbortSignal,
  ): Promise<void> {
    const { store, job, incarnation, total, slots, random, reached, log, recordAt, onFault } = this.#options;
    const patience = { random, signal, onTrouble: onFault };
    const folder = checkpointFolder(kind, version, generation);
    const { state, losses } = recordAt(version);
    const lossesPath = 'losses.f64';
    const manifest: Manifest = {
      format: 1,
      version,
      incarnation,
      specHash: job.specHash,
      dataDigest: state.dataDigest,
      programDigest: state.programDigest,
      total,
      vectors: kind === 'best' ? 1 : 1 + slots,
      pieces,
      losses: { path: lossesPath, count: losses.length, sha256: await digestOf(bytesOf(losses)) },
      state,
    };
    await persistently(() => store.write(folder + lossesPath, [bytesOf(losses)]), patience);
    await reached('CoordinatorBeforeManifest', version);
    if ((await persistently(() => renewIncarnation(store, 0, incarnation), patience)) > incarnation) {
      throw new Superseded('another incarnation of parameter server 0 took over');
    }
    await persistently(() => store.create(folder + manifestName, Buffer.from(JSON.stringify(manifest))), patience);
    onFault(undefined);
    if (kind === 'checkpoints') this.found(version);
    log.info({ kind, version }, 'a checkpoint is written');
    await reached('CoordinatorAfterManifest', version);
    await this.#prune(kind, folder, patience);
  }

  /**
   * Leaves this one and the newest before it. Later versions come from a run that was given up; what has no manifest, from one that died, for one
   * is written at a time. What another incarnation that took over meanwhile writes is none of this one's.
   */
  async #prune(kind: CheckpointKind, newest: string, patience: Patience): Promise<void> {
    const { store, job, incarnation } = this.#options;
    const keep = kind === 'best' ? 1 : job.checkpoint.keep;
    const all = await persistently(() => store.list(`${kind}/`), patience);
    const paths = all.filter((path) => generationOf(path) < firstGeneration(incarnation + 1));
    const whole = paths.filter(isManifest).map((path) => path.slice(0, -manifestName.length));
    const kept = [newest, ...whole.filter((folder) => folder < newest).reverse()].slice(0, keep);
    const gone = paths.filter((path) => !kept.some((folder) => path.startsWith(folder)));
    // The manifest goes first: what is left where this is cut off does not count.
    for (const path of [...gone.filter(isManifest), ...gone.filter((other) => !isManifest(other))]) {
      await persistently(() => store.remove(path), patience);
    }
  }
}

const isManifest = (path: string): boolean => path.endsWith(`/${manifestName}`);

const notFinite = (version: number): TrainingFailure =>
  new TrainingFailure({
    reason: 'LossNotFinite',
    message: `the weights after step ${version} are not finite numbers. Lower spec.train.optimizer.learningRate, or set clipNorm there.`,
    retrying: false,
  });
