import { TrainingFailure } from '../../errors.ts';
import type { CoordinatorToServer, ServerToCoordinator } from '../messages.ts';
import { writePieces } from '../checkpoint-writer.ts';
import type { WritableFolder } from '../../store/writable-folder.ts';
import type { Kernels } from '../kernels.ts';
import type { Reached } from './fault-points.ts';
import type { Version, Versions } from './versions.ts';

type SnapshotRequest = Extract<CoordinatorToServer, { type: 'snapshot' }>;

export interface SnapshotContext {
  store: WritableFolder;
  kernels: Kernels;
  random: () => number;
  reached: Reached;
  say(message: ServerToCoordinator): void;
}

/** Writes versions of a slice for checkpoints, those that the coordinator asks for. */
export class Snapshots {
  readonly #context: SnapshotContext;
  /** Asked for, of a version that is still to be made. */
  #awaited: SnapshotRequest | undefined;
  #stop = new AbortController();
  /** What a copy is made into: allocated once. The coordinator asks for one copy at a time. */
  #copies: Float32Array[] = [];

  constructor(context: SnapshotContext) {
    this.#context = context;
  }

  /** Replaces a request whose version is still to be made. */
  request(request: SnapshotRequest, versions: Versions): void {
    const version = versions.find(request.version);
    if (version) this.#begin(request, version, versions);
    else if (versions.current !== undefined && request.version > versions.current) this.#awaited = request;
    else this.#context.say({ type: 'missed', generation: request.generation, folder: request.folder });
  }

  /** A version was made: writes it if it is the one that is awaited. */
  made(version: Version, versions: Versions): void {
    const request = this.#awaited;
    if (request?.version !== version.number || request === undefined) return;
    this.#awaited = undefined;
    this.#begin(request, version, versions);
  }

  /**
   * Gives up all that is asked for. A write that is under way may still end, with whatever the memory holds by then: it goes to a
   * folder of a generation that is over, which never gets a manifest.
   */
  cancel(): void {
    this.#awaited = undefined;
    this.#stop.abort();
    this.#stop = new AbortController();
  }

  #begin(request: SnapshotRequest, version: Version, versions: Versions): void {
    const live = [version.weights, ...(request.vectors === 'All' ? version.slots : [])];
    const finite = this.#isFinite(version.weights);
    const vectors = request.copy ? this.#copied(live) : live;
    void this.#write(request, { from: versions.slice.from, vectors }, finite, this.#stop.signal);
  }

  #isFinite(weights: Float32Array): boolean {
    return this.#context.kernels.sumOfSquares(weights, Math.max(1, weights.length)).every(Number.isFinite);
  }

  #copied(live: readonly Float32Array[]): Float32Array[] {
    for (const [index, values] of live.entries()) {
      const copy = this.#copies[index];
      if (copy?.length === values.length) copy.set(values);
      else this.#copies[index] = values.slice();
    }
    return this.#copies.slice(0, live.length);
  }

  async #write(
    { generation, folder, version }: SnapshotRequest,
    content: { from: number; vectors: Float32Array[] },
    finite: boolean,
    signal: AbortSignal,
  ): Promise<void> {
    const { store, random, reached } = this.#context;
    const say = (message: ServerToCoordinator): void => this.#context.say(message);
    try {
      const pieces = await writePieces(
        store,
        folder,
        content,
        { random, signal, onTrouble: (fault) => fault && say({ type: 'troubled', generation, folder, fault }) },
        () => reached('ServerWroteSlice', version),
      );
      say({ type: 'written', generation, folder, pieces, finite });
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof TrainingFailure)) throw error;
      say({ type: 'troubled', generation, folder, fault: error.fault });
    }
  }
}
