import { looseObject, parse, safeParse } from 'valibot';
import { TrainingFailure } from '../../errors.ts';
import { CheckpointDamaged, readChecked, type FoundCheckpoint } from '../checkpoint-reader.ts';
import type { WritableFolder } from '../../store/writable-folder.ts';
import { bytesOf } from '../transport/connection.ts';
import type { CoordinatorRecord, KnownRecord } from '../server/data-port.ts';
import { History, type Evaluation } from './history.ts';
import type { PreparedJob } from './options.ts';
import { stateAt, stateSchema, type CoordinatorState } from './state.ts';

/** All that the coordinator remembers of training: what a mirror and each checkpoint keep for it. */
export class Ledger {
  readonly history = new History();
  readonly #digests: Pick<PreparedJob, 'dataDigest' | 'programDigest'>;
  #state: CoordinatorState;
  /** False until training began here or was taken over from elsewhere. */
  #isKnown = false;

  constructor({ dataDigest, programDigest }: PreparedJob) {
    this.#digests = { dataDigest, programDigest };
    this.#state = this.#empty();
  }

  get isKnown(): boolean {
    return this.#isKnown;
  }

  get evaluations(): readonly Evaluation[] {
    return this.#state.evaluations;
  }

  get best(): CoordinatorState['best'] {
    return this.#state.best;
  }

  get recomputedSteps(): number {
    return this.#state.recomputedSteps;
  }

  /** What was known when so many steps were done. */
  at(version: number): { state: CoordinatorState; losses: Float64Array } {
    return { state: stateAt(this.#state, version), losses: this.history.slice(0, version) };
  }

  /** What a mirror lacks at a version: asked for in every step. */
  record(version: number, known: KnownRecord): CoordinatorRecord {
    const isAll = (this.#state.evaluations.at(-1)?.version ?? 0) <= version;
    const { evaluations, ...others } = isAll ? this.#state : stateAt(this.#state, version);
    const evaluationsFrom = Math.min(known.evaluations, evaluations.length);
    const fresh = evaluations.slice(evaluationsFrom);
    return {
      losses: this.history.slice(known.losses, version),
      evaluationsFrom,
      evaluations: fresh.length,
      text: Buffer.from([...fresh, others].map((line) => JSON.stringify(line)).join('\n')),
    };
  }

  /** An epoch is over. `best`: where its weights lie, if none were better before. */
  add(evaluation: Evaluation, best: { version: number; folder: string } | undefined): void {
    this.#state = {
      ...this.#state,
      evaluations: [...this.#state.evaluations, evaluation],
      best: best ?? this.#state.best,
    };
  }

  /** Nothing is done yet. */
  reset(): void {
    this.history.truncate(0);
    this.#state = { ...this.#empty(), recomputedSteps: this.#state.recomputedSteps };
    this.#isKnown = true;
  }

  /** Training goes on from where so many steps were done, of which `newest` is the most that anybody had. */
  revert(version: number, newest: number): void {
    this.history.truncate(version);
    const { recomputedSteps } = this.#state;
    this.#state = {
      ...stateAt(this.#state, version),
      recomputedSteps: recomputedSteps + Math.max(0, newest - version),
    };
  }

  /** Takes over what a mirror kept: the payload of `recalled`. Throws where it makes no sense, and TrainingFailure `DataChanged`. */
  recall(version: number, losses: number, payload: Uint8Array): void {
    const lossBytes = losses * Float64Array.BYTES_PER_ELEMENT;
    const lines = Buffer.from(payload.subarray(lossBytes)).toString('utf8').split('\n');
    const evaluations = lines.slice(0, -1).map((line): unknown => JSON.parse(line));
    const others: unknown = JSON.parse(lines.at(-1) ?? '');
    this.#take(
      parse(stateSchema, { ...parse(looseObject({}), others), evaluations }),
      new Float64Array(payload.slice(0, lossBytes).buffer).subarray(0, version),
    );
  }

  /** Takes over what lies in a checkpoint. Rejects with CheckpointDamaged, StoreError, and TrainingFailure `DataChanged`. */
  async load(store: WritableFolder, { folder, manifest }: FoundCheckpoint): Promise<void> {
    const { path, count, sha256 } = manifest.losses;
    const bytes = await readChecked(store, folder + path, sha256);
    if (bytes.byteLength !== count * Float64Array.BYTES_PER_ELEMENT || count !== manifest.version) {
      throw new CheckpointDamaged(`${store.uri}/${folder} holds ${count} losses of ${manifest.version} steps`);
    }
    const losses = new Float64Array(count);
    bytesOf(losses).set(bytes);
    const state = safeParse(stateSchema, manifest.state);
    if (!state.success) throw new CheckpointDamaged(`${store.uri}/${folder} holds a state that makes no sense`);
    this.#take(state.output, losses);
  }

  #take(state: CoordinatorState, losses: Float64Array): void {
    if (state.dataDigest !== this.#digests.dataDigest) {
      throw changed(
        'the data of spec.train.data.uri changed since the job began; bring the old data back, or name another place in spec.checkpoint.uri to begin anew',
      );
    }
    if (state.programDigest !== this.#digests.programDigest) {
      throw changed(
        'the model of spec.train.model.uri changed since the job began; bring the old one back, or name another place in spec.checkpoint.uri to begin anew',
      );
    }
    this.history.replace(losses);
    this.#state = { ...state, recomputedSteps: Math.max(state.recomputedSteps, this.#state.recomputedSteps) };
    this.#isKnown = true;
  }

  #empty(): CoordinatorState {
    return { ...this.#digests, evaluations: [], best: null, recomputedSteps: 0 };
  }
}

export const changed = (message: string): TrainingFailure =>
  new TrainingFailure({ reason: 'DataChanged', message, retrying: false });
