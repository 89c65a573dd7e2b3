import type { Log } from '../../../lib/log.ts';
import { TrainingFailure } from '../../errors.ts';
import type { TrainingFault, TrainingJobFile, TrainingReport } from '../../training-contract.ts';
import { persistently } from '../checkpoint-writer.ts';
import { slicesOf } from '../layout.ts';
import { coordinatorToWorker, type CoordinatorToWorker, type WorkerToCoordinator } from '../messages.ts';
import type { Program } from '../program.ts';
import type { Reached } from '../server/fault-points.ts';
import {
  TransportError,
  type Connection,
  type Payload,
  type Receiver,
  type TransportCode,
} from '../transport/connection.ts';
import type { Link } from '../transport/link.ts';
import type { Engine } from './engine.ts';
import { evaluate, type Evaluation } from './evaluation.ts';
import type { WorkerFaultPoint } from './fault-points.ts';
import { HeldVersions } from './held-versions.ts';
import { RowSource } from './row-source.ts';
import { ServerLink, type Connect } from './server-link.ts';
import { StepLoop } from './step-loop.ts';
import type { WorkerObserver } from './worker-metrics.ts';

export interface TrainingWorkerOptions {
  job: TrainingJobFile;
  podName: string;
  servers: number;
  engine: Engine;
  /** The optimizer's vectors beside the weights. */
  slots: number;
  /** Rejects with TrainingFailure. */
  prepare: (signal: AbortSignal) => Promise<Program>;
  /** Keeps a connection to server 0. `failed` after each attempt that came to nothing; true: give up. */
  connectControl(
    open: (connection: Connection<WorkerToCoordinator>) => Receiver<CoordinatorToWorker>,
    failed: (error: TransportError) => boolean,
  ): Pick<Link, 'close'>;
  /** Keeps a data connection to a server. */
  connectData: (server: number, ...parameters: Parameters<Connect>) => ReturnType<Connect>;
  /** In milliseconds. */
  now: () => number;
  random: () => number;
  log: Log;
  reached: Reached<WorkerFaultPoint>;
  observer: WorkerObserver;
}

/** How a worker's part in the job ended. */
export type WorkerEnd =
  | { kind: 'Finished' }
  | { kind: 'Superseded'; message: string }
  /** This worker cannot take part. */
  | { kind: 'Rejected'; fault: TrainingFault };

/** What a worker has once it is prepared. */
interface Parts {
  program: Program;
  links: ServerLink[];
  held: HeldVersions;
  rows: RowSource;
  inputName: string;
}

/**
 * A worker of a job: prepares model and data, reports to the coordinator, and does as it says until the job is over. It survives the
 * loss of any server, and nobody misses what it holds when it is lost itself.
 */
export class TrainingWorker {
  readonly #options: TrainingWorkerOptions;
  readonly #stop = new AbortController();
  readonly #end = Promise.withResolvers<WorkerEnd>();
  readonly #control: Pick<Link, 'close'>;
  #connection: Connection<WorkerToCoordinator> | undefined;
  #parts: Parts | undefined;
  #loop: StepLoop | undefined;
  #generation = 0;
  /** A generation pauses a worker again that connects again in the middle of it. */
  #pauses = 0;
  #isRegistered = false;
  #fault: TrainingFault | undefined;
  /** While there is no connection to the coordinator. */
  #unreachable = unreachable(coordinator, 'Closed', 'it was not tried yet');

  constructor(options: TrainingWorkerOptions) {
    this.#options = options;
    this.#control = options.connectControl(
      (connection) => this.#open(connection),
      (error) => this.#isRefused(error),
    );
    this.#prepare().catch((error: unknown) => this.#fail(error));
  }

  /** Resolves when the job is over for this worker. Rejects with the error of a bug. */
  get ended(): Promise<WorkerEnd> {
    return this.#end.promise;
  }

  get phase(): TrainingReport['phase'] {
    if (this.#stop.signal.aborted) return 'Stopping';
    if (!this.#parts) return 'Preparing';
    return this.#isRegistered ? 'Running' : 'Waiting';
  }

  /** What keeps it from its work. */
  get fault(): TrainingFault | undefined {
    if (this.#fault) return this.#fault;
    if (!this.#connection) return this.#unreachable;
    return this.#parts?.links.map(({ trouble }, server) => trouble && dataFault(server, trouble)).find(Boolean);
  }

  /** Leaves the job: the coordinator gives what was assigned to others at once. Resolves when no graph runs any more. */
  async leave(): Promise<void> {
    this.#stop.abort(new Error('the worker leaves'));
    this.#loop?.end();
    this.#control.close(true);
    for (const link of this.#parts?.links ?? []) link.close();
    await this.#options.engine.close();
    await this.#parts?.program.close();
  }

  async #prepare(): Promise<void> {
    const { random, log } = this.#options;
    const { signal } = this.#stop;
    const troubled = (fault: TrainingFault | undefined): void => {
      if (fault) log.warn({ ...fault }, 'the worker cannot be prepared');
      this.#fault = fault;
      this.#sayWhatIsReady();
    };
    try {
      this.#parts = this.#partsOf(await persistently(() => this.#load(), { random, signal, onTrouble: troubled }));
      this.#sayWhatIsReady();
    } catch (error) {
      if (!(error instanceof TrainingFailure)) throw error;
      troubled(error.fault);
    }
  }

  async #load(): Promise<Program> {
    const { job, prepare, engine } = this.#options;
    const program = await prepare(this.#stop.signal);
    try {
      await engine.load(program.graph, job.optimizer);
      return program;
    } catch (error) {
      await program.close();
      throw error;
    }
  }

  #partsOf(program: Program): Parts {
    const { job, servers, slots, engine, connectData, observer, now } = this.#options;
    const { layout, inputs } = program.graph;
    const [input] = inputs;
    if (!input) throw new Error('the graph takes no data');
    const links = Array.from(
      { length: servers },
      (_, server) =>
        new ServerLink({
          connect: (...parameters) => connectData(server, ...parameters),
          moved: observer.moved,
          now,
          unreachable: (error) => this.#sayWhoIsMissing(server, error),
        }),
    );
    const plan = { ...job, rows: program.dataset.split.train };
    const held = new HeldVersions({
      slices: slicesOf(layout.total, servers),
      trainable: layout.trainable,
      slots,
      links,
      engine,
      failed: (error) => this.#fail(error),
    });
    return { program, links, held, rows: new RowSource(program.dataset, plan, input.name), inputName: input.name };
  }

  #sayWhatIsReady(): void {
    const { podName, engine } = this.#options;
    if (this.#parts) {
      const { digest: programDigest, dataset } = this.#parts.program;
      this.#say({ type: 'ready', podName, runs: engine.threads, programDigest, dataDigest: dataset.digest });
    } else if (this.#fault) this.#say({ type: 'failed', fault: this.#fault });
  }

  /** The others can do nothing while a server lacks what this worker has. */
  #sayWhoIsMissing(server: number, error: TransportError): void {
    const fault = dataFault(server, error);
    this.#options.log.warn({ reason: fault.reason }, fault.message);
    this.#say({ type: 'failed', fault });
  }

  #open(connection: Connection<WorkerToCoordinator>): Receiver<CoordinatorToWorker> {
    this.#connection = connection;
    this.#sayWhatIsReady();
    return {
      schema: coordinatorToWorker,
      message: (message) => {
        this.#obey(message);
        return undefined;
      },
      closed: () => {
        if (this.#connection === connection) this.#connection = undefined;
        this.#isRegistered = false;
      },
    };
  }

  #isRefused({ code, refusal, message }: TransportError): boolean {
    this.#unreachable = unreachable(coordinator, code, message);
    if (refusal === 'Superseded') this.#end.resolve({ kind: 'Superseded', message });
    return refusal === 'Superseded';
  }

  #obey(message: CoordinatorToWorker): void {
    if (message.type === 'finish') this.#end.resolve({ kind: 'Finished' });
    else if (message.type === 'reject') this.#end.resolve({ kind: 'Rejected', fault: message.fault });
    else if (message.type === 'pause') this.#pause(message.generation);
    else if (message.generation === this.#generation) this.#work(message);
  }

  /** A generation begins, or this worker comes back into it: what was under way is dropped. */
  #pause(generation: number): void {
    const { held } = this.#theParts();
    this.#generation = generation;
    this.#pauses += 1;
    this.#isRegistered = true;
    this.#loop?.end();
    this.#loop = undefined;
    this.#options.engine.drop();
    held.begin(generation);
    this.#say({ type: 'holdings', generation, ...held.holdings() });
  }

  #work(message: Exclude<CoordinatorToWorker, { type: 'pause' | 'finish' | 'reject' }>): void {
    const { held, links } = this.#theParts();
    switch (message.type) {
      case 'servers':
        links.forEach((link, server) => link.use(message.incarnations[server] ?? 0));
        return;
      case 'fill':
        held.fill(message.server, message.version).catch((error: unknown) => this.#fail(error));
        return;
      case 'recall': {
        const { losses, payload } = held.recall(message.version);
        this.#say({ type: 'recalled', generation: this.#generation, version: message.version, losses }, payload);
        return;
      }
      case 'plan':
        held.mirror(message.mirrors);
        this.#loop ??= this.#newLoop();
        this.#loop.follow(message.assignments);
        return;
      case 'evaluate':
        this.#evaluate(message);
        return;
    }
  }

  #newLoop(): StepLoop {
    const { job, servers, engine, reached, observer, now } = this.#options;
    const { held, rows, links, program } = this.#theParts();
    return new StepLoop({
      engine,
      held,
      rows,
      links,
      slices: slicesOf(program.graph.layout.total, servers),
      gradientShards: job.gradientShards,
      seed: job.seed,
      reached,
      observer,
      now,
      failed: (error) => this.#fail(error),
    });
  }

  #evaluate(evaluation: Evaluation): void {
    const { engine } = this.#options;
    const { held, program, inputName } = this.#theParts();
    const { generation } = evaluation;
    const pauses = this.#pauses;
    const isOver = (): boolean => pauses !== this.#pauses || this.#stop.signal.aborted;
    evaluate(evaluation, {
      engine,
      held,
      dataset: program.dataset,
      inputName,
      evaluated: (chunk, sums) =>
        this.#say({ type: 'evaluated', generation, evaluation: evaluation.evaluation, chunk }, sums),
      isOver,
    }).catch((error: unknown) => isOver() || this.#fail(error));
  }

  #theParts(): Parts {
    if (!this.#parts) throw new TransportError('Protocol', 'the coordinator gave work before the worker was ready');
    return this.#parts;
  }

  #say(message: WorkerToCoordinator, payload?: Payload): void {
    void this.#connection?.send(message, payload);
  }

  /** The job cannot go on: the coordinator is told, and ends it. Other errors than TrainingFailure end the process. */
  #fail(error: unknown): void {
    if (this.#stop.signal.aborted) return;
    if (!(error instanceof TrainingFailure) || error.fault.retrying) {
      this.#end.reject(error);
      return;
    }
    this.#options.log.error({ reason: error.code }, error.message);
    this.#fault = error.fault;
    this.#say({ type: 'failed', fault: error.fault });
  }
}

const coordinator = 'parameter server 0, which coordinates,';

const dataFault = (server: number, { code, message }: TransportError): TrainingFault =>
  unreachable(`parameter server ${server}`, code, message);

function unreachable(who: string, code: TransportCode, why: string): TrainingFault {
  const reason = code === 'Untrusted' ? 'InvalidTransportSecret' : 'WaitingForServers';
  return { reason, message: `${who} cannot be reached: ${why}; it is tried again until it is there`, retrying: true };
}
