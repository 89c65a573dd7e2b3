import { backoffMs } from '../../../lib/backoff.ts';
import { TrainingFailure } from '../../errors.ts';
import type { TrainingOutcome, TrainingReport } from '../../training-contract.ts';
import type { BatchPlan } from '../batches.ts';
import { firstGeneration } from '../checkpoint-format.ts';
import { persistently, type Patience } from '../checkpoint-writer.ts';
import type { CoordinatorRecord, KnownRecord } from '../server/data-port.ts';
import { newestIncarnation, renewIncarnation } from '../server/incarnation.ts';
import { CheckpointKeeper, Superseded } from './checkpoint-keeper.ts';
import { GenerationRun, lossNotFinite, rowsOf } from './generation-run.ts';
import { Interrupted } from './interrupted.ts';
import { changed, Ledger } from './ledger.ts';
import { Members, type WorkerMember } from './members.ts';
import type { CoordinatorOptions, PreparedJob, TrainingResult } from './options.ts';
import { Progress } from './progress.ts';
import { Recoverer } from './recoverer.ts';
import { saveNewest } from './stopping.ts';
import type { StageContext } from './training-stage.ts';
import { breath, everybody } from './waiting.ts';

export type CoordinatorEnd = TrainingOutcome | 'Stopped' | 'Superseded';

/** Between a generation that was interrupted and the next one, so that nobody is kept busy by what cannot work yet. */
const interruption = { baseMs: 50, maxMs: 10_000, jitter: 0.2 };

class Stopped extends Error {
  override readonly name = 'Stopped';
  readonly code = 'Stopped';
}

/** What there is once model and data are at hand. */
interface Parts {
  prepared: PreparedJob;
  plan: BatchPlan;
  ledger: Ledger;
  keeper: CheckpointKeeper;
  recoverer: Recoverer;
}

/**
 * Runs a job: brings servers and workers together, has them train, evaluates, and writes what came of it. Loses nothing that a
 * server, a worker or a checkpoint still has.
 */
export class Coordinator {
  readonly members: Members;
  readonly #options: CoordinatorOptions;
  readonly #progress: Progress;
  readonly #startedAtMs: number;
  /** Ends whatever goes on outside of a generation. */
  readonly #over = new AbortController();
  /** Of the present generation. */
  #running: AbortController | undefined;
  #incarnation = 0;
  /** Of the present generation. */
  #context: StageContext | undefined;
  #generations = 0;
  /** Since the last step. */
  #interruptions = 0;
  #parts: Parts | undefined;
  /** Servers that want to stop once what there is is saved. */
  readonly #leaving = new Set<number>();
  #graceMs: number | undefined;

  constructor(options: CoordinatorOptions) {
    const { servers, now } = options;
    this.#options = options;
    this.members = new Members(servers);
    this.#progress = new Progress(this.members, now);
    this.#startedAtMs = now();
  }

  report(): Pick<TrainingReport, 'phase' | 'fault' | 'job' | 'outcome'> {
    return this.#progress.report();
  }

  /** What a mirror of server 0 keeps. */
  record(version: number, known: KnownRecord): CoordinatorRecord {
    return this.#theParts().ledger.record(version, known);
  }

  /** The training loss of a step, from server 0, before anybody sees the version that it made. */
  tookLoss(step: number, loss: number): void {
    this.#theParts().ledger.history.set(step, loss);
    if (!Number.isFinite(loss)) this.#end(lossNotFinite('of training', step + 1));
  }

  /** Rejects with the error of a bug. */
  async run(): Promise<CoordinatorEnd> {
    const stop = this.members.listen({
      serverJoined: ({ index }) => this.#interrupt(`parameter server ${index} came back`),
      serverLeft: ({ index }) => {
        this.#leaving.delete(index);
        this.#interrupt(`parameter server ${index} was lost`);
      },
      serverSaid: ({ index, connection }, message) => {
        if (message.type === 'applied') this.#parts?.recoverer.heardOf(message.version);
        if (message.type !== 'stopping') return;
        this.#leaving.add(index);
        if (this.#running) this.#interrupt(`parameter server ${index} is told to stop`);
        else if (!this.#hasWhatToSave) void connection.send({ type: 'stopped' });
      },
      workerJoined: (worker) => {
        this.#check(worker);
        this.#introduce(worker);
      },
      workerSaid: ({ index, ready }, message) => {
        if (message.type !== 'failed') return;
        const { fault } = message;
        if (!fault.retrying) this.#end(new TrainingFailure(fault));
        else if (ready) this.#progress.hindered({ ...fault, message: `worker ${index}: ${fault.message}` });
      },
    });
    try {
      const end = await this.#untilStopped();
      return end === 'Stopped' ? end : await this.#announce(end);
    } catch (error) {
      if (error instanceof Superseded) return 'Superseded';
      if (!(error instanceof TrainingFailure)) throw error;
      const { reason, message } = error.fault;
      return await this.#announce({ succeeded: false, reason, message });
    } finally {
      stop();
    }
  }

  /** Has what there is saved, as far as that takes no longer, and ends `run` with `Stopped`. */
  stop(graceMs: number): void {
    this.#graceMs = graceMs;
    this.#progress.phase = 'Stopping';
    if (this.#running) this.#interrupt('this pod is told to stop');
    else this.#over.abort(new Stopped());
  }

  #theParts(): Parts {
    if (!this.#parts) throw new Error('the job is not prepared');
    return this.#parts;
  }

  #interrupt(why: string): void {
    this.#running?.abort(new Interrupted(why));
  }

  #end(error: Error): void {
    (this.#running ?? this.#over).abort(error);
  }

  /** A worker with other data or another model would compute something else. */
  #check({ index, ready }: WorkerMember): void {
    const prepared = this.#parts?.prepared;
    if (!prepared || !ready) return;
    if (ready.dataDigest !== prepared.dataDigest) {
      this.#end(
        changed(
          `worker ${index} read other data from spec.train.data.uri than parameter server 0 did: it changed; bring the old data back, and see that it stays`,
        ),
      );
    } else if (ready.programDigest !== prepared.programDigest) {
      this.#end(
        changed(
          `worker ${index} read another model from spec.train.model.uri than parameter server 0 did: it changed; bring the old one back, and see that it stays`,
        ),
      );
    }
  }

  /** Lets a worker that comes in the middle of a generation take part. This is heard before any stage gives it work. */
  #introduce({ connection }: WorkerMember): void {
    if (!this.#context) return;
    const { generation, incarnations } = this.#context;
    void connection.send({ type: 'pause', generation });
    void connection.send({ type: 'servers', generation, incarnations });
  }

  get #patience(): Patience {
    return { random: this.#options.random, signal: this.#over.signal, onTrouble: this.#progress.trouble };
  }

  async #untilStopped(): Promise<TrainingOutcome | 'Stopped'> {
    try {
      return await this.#outcome();
    } catch (error) {
      if (!(error instanceof Stopped)) throw error;
      await this.#save();
      return 'Stopped';
    }
  }

  async #outcome(): Promise<TrainingOutcome> {
    const { work, claim, log, reached } = this.#options;
    const found = await persistently(() => work.findOutcome(), this.#patience);
    if (found) return found;
    this.#incarnation = await persistently(() => claim(), this.#patience);
    await this.#prepare();
    const made = await persistently(() => work.findVersion(), this.#patience);
    if (made) return made;
    for (;;) {
      if (this.#graceMs !== undefined) throw new Stopped();
      try {
        if (this.#leaving.size > 0) await this.#save();
        const result = await this.#generation();
        await reached('CoordinatorBeforeOutcome', result.steps);
        const outcome = await persistently(() => work.writeOutput(result), this.#patience);
        await reached('CoordinatorAfterOutcome', result.steps);
        return outcome;
      } catch (error) {
        if (!(error instanceof Interrupted)) throw error;
        log.warn({ reason: error.message }, 'training is interrupted');
        await this.#afterInterruption(error);
      }
    }
  }

  async #prepare(): Promise<void> {
    const { work, job, checkpoints, servers, slots, random, log, reached } = this.#options;
    const prepared = await persistently(() => work.prepare(this.#over.signal), this.#patience);
    const ledger = new Ledger(prepared);
    const keeper = new CheckpointKeeper({
      store: checkpoints,
      job,
      members: this.members,
      incarnation: this.#incarnation,
      total: prepared.layout.total,
      slots,
      random,
      log,
      reached,
      recordAt: (version) => ledger.at(version),
      onFault: (fault) => {
        if (fault && !fault.retrying) this.#end(new TrainingFailure(fault));
        else this.#progress.trouble(fault);
      },
      onWritten: (version) => this.#progress.checkpointed(version),
    });
    const plan = { ...job, rows: prepared.split.train };
    const recoverer = new Recoverer({
      ...this.#options,
      prepared,
      plan,
      ledger,
      keeper,
      patience: this.#patience,
      settledAtMs: this.#incarnation > 1 ? this.#startedAtMs + this.#options.waits.settleMs : 0,
    });
    this.#parts = { prepared, plan, ledger, keeper, recoverer };
    this.#progress.prepared(prepared, ledger, plan);
    for (let server = 0; server < servers; server++) {
      const known = await persistently(() => newestIncarnation(checkpoints, server), this.#patience);
      this.members.learn(server, server === 0 ? this.#incarnation : known);
    }
    for (const worker of this.members.workers) this.#check(worker);
  }

  /** From the gathering of all to the end of training. Rejects with Interrupted where that does not come. */
  async #generation(): Promise<TrainingResult> {
    const { job, slices, waits } = this.#options;
    const { prepared, ledger, keeper, plan, recoverer } = this.#theParts();
    await everybody({
      members: this.members,
      leaving: this.#leaving,
      signal: this.#over.signal,
      lookMs: waits.successorMs,
      lookForSuccessor: (signal) => this.#lookForSuccessor(signal),
    });
    const running = new AbortController();
    this.#running = running;
    try {
      // Between the last word of who was waited for and this one others may have been heard.
      this.#over.signal.throwIfAborted();
      if (this.#leaving.size > 0) throw new Interrupted('a parameter server is told to stop');
      const context = this.#newContext(running);
      const version = await recoverer.recover(context);
      this.#progress.resume(version);
      const run = new GenerationRun({
        job,
        slices,
        prepared,
        ledger,
        keeper,
        context,
        nextContext: () => this.#newContext(running),
        onStep: (steps) => {
          this.#interruptions = 0;
          this.#progress.advance(steps, rowsOf(plan, steps - 1));
        },
        onFinishing: () => (this.#progress.phase = 'Finishing'),
        onBestLost: (version) => recoverer.distrust(version),
        onFault: this.#progress.trouble,
      });
      return await run.run(version);
    } catch (error) {
      running.abort(error);
      if (this.#graceMs === undefined) this.#progress.phase = 'Waiting';
      throw running.signal.reason;
    } finally {
      this.#running = undefined;
      this.#context = undefined;
    }
  }

  #nextGeneration(): number {
    this.#generations += 1;
    return firstGeneration(this.#incarnation) + this.#generations;
  }

  #newContext(running: AbortController): StageContext {
    const { reached } = this.#options;
    const { absent, servers } = this.members;
    if (absent.length > 0) throw new Interrupted(`parameter servers ${absent.join(', ')} were lost`);
    this.#context = {
      members: this.members,
      generation: this.#nextGeneration(),
      signal: running.signal,
      abort: (reason) => running.abort(reason),
      incarnations: servers.map(({ incarnation }) => incarnation),
      reached,
    };
    return this.#context;
  }

  /** One that follows another, without a step between them, is a reason to say so and to take more time. */
  #afterInterruption({ message, reason }: Interrupted): Promise<void> {
    this.#interruptions += 1;
    if (this.#interruptions > 1) {
      const text = `training was interrupted ${this.#interruptions} times since the last step: ${message}; it is tried again`;
      this.#progress.hindered({ reason, message: text, retrying: true });
    }
    return breath(this.members, backoffMs(this.#interruptions, interruption, this.#options.random), this.#over.signal);
  }

  /** Whoever has taken over has the others too, so this is where one that was replaced finds itself. */
  async #lookForSuccessor(signal: AbortSignal): Promise<void> {
    const { checkpoints } = this.#options;
    const renew = (): Promise<number> => renewIncarnation(checkpoints, 0, this.#incarnation);
    const newest = await persistently(renew, { ...this.#patience, signal });
    if (newest > this.#incarnation) throw new Superseded('another incarnation of parameter server 0 took over');
  }

  /** Has what there is saved, as far as that can be done in time, and lets servers go that wait for it. */
  async #save(): Promise<void> {
    const { log, waits } = this.#options;
    const { members } = this;
    try {
      if (this.#parts && this.#hasWhatToSave) {
        const { keeper } = this.#parts;
        const withinMs = this.#graceMs ?? waits.saveMs;
        const version = await saveNewest({ members, generation: this.#nextGeneration(), keeper, withinMs });
        log.info({ version }, 'what there is is saved');
      }
    } catch (error) {
      if (error instanceof Superseded || error instanceof TrainingFailure) throw error;
      log.warn({ err: error }, 'what there is could not be saved');
    }
    for (const { index, connection } of members.servers) {
      if (this.#leaving.has(index)) void connection.send({ type: 'stopped' });
    }
  }

  /** Servers may hold what no checkpoint holds, and this process knows all about it. */
  get #hasWhatToSave(): boolean {
    return this.#parts?.ledger.isKnown === true;
  }

  async #announce(outcome: TrainingOutcome): Promise<TrainingOutcome> {
    this.#progress.outcome = outcome;
    this.#progress.phase = outcome.succeeded ? 'Succeeded' : 'Failed';
    await this.members.farewell({ type: 'finish', outcome }, this.#options.waits.farewellMs);
    return outcome;
  }
}
