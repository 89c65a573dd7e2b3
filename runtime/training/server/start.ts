import type { LookupFunction } from 'node:net';
import type { Log } from '../../../lib/log.ts';
import type { WritableFolder } from '../../store/writable-folder.ts';
import type { TrainingFault, TrainingJobFile, TrainingOutcome, TrainingReport } from '../../training-contract.ts';
import { jobPrefix } from '../checkpoint-format.ts';
import { persistently } from '../checkpoint-writer.ts';
import { Coordinator } from '../coordinator/coordinator.ts';
import type { CoordinatorWaits, CoordinatorWork } from '../coordinator/options.ts';
import { sliceClient, type ConnectData } from '../coordinator/slice-client.ts';
import { folderPart } from '../folder-part.ts';
import type { Kernels } from '../kernels.ts';
import type { FromServer, Hello } from '../messages.ts';
import { placeFailure } from '../places.ts';
import type { Connection, Receiver, TransportError } from '../transport/connection.ts';
import { dial, type Peer } from '../transport/dial.ts';
import { Link } from '../transport/link.ts';
import { listen, type Listener, type Refusal } from '../transport/listener.ts';
import { connectInMemory } from '../transport/memory-connection.ts';
import { usualTiming, type Timing } from '../transport/socket-connection.ts';
import type { TlsIdentity } from '../transport/tls-identity.ts';
import type { Reached } from './fault-points.ts';
import { claimIncarnation } from './incarnation.ts';
import { ParameterServer } from './parameter-server.ts';

export interface StartOptions {
  /** Which parameter server this is. 0 coordinates. */
  index: number;
  /** Where each parameter server is found, in order. */
  peers: readonly Peer[];
  /** Where to listen; port 0: any. */
  listen: { host: string; port: number };
  job: TrainingJobFile;
  podName: string;
  tls: TlsIdentity | undefined;
  /** Absent: DNS. */
  lookup: LookupFunction | undefined;
  /** The folder of `spec.checkpoint`. */
  checkpoints: WritableFolder;
  kernels: Kernels;
  /** Of server 0. */
  work: CoordinatorWork | undefined;
  /** Monotonic, in milliseconds. */
  now: () => number;
  random: () => number;
  log: Log;
  /** For tests. */
  reached?: Reached;
  timing?: Partial<Omit<Timing, 'now'>>;
  waits?: Partial<CoordinatorWaits>;
}

export type ServerEnd = TrainingOutcome | 'Stopped' | 'Superseded';

export interface RunningServer {
  report(): Pick<TrainingReport, 'phase' | 'fault' | 'job' | 'outcome'>;
  /** How it ended: the outcome of the job, or that this process has no part in it any more. Rejects with the error of a bug. */
  done: Promise<ServerEnd>;
  /** Has what there is saved, as far as that takes no longer; `done` resolves. */
  stop(graceMs: number): void;
}

/** How long the name of a pod that was replaced may lead to the old one: CoreDNS and the caches of nodes keep answers for 30 s. */
const staleNameMs = 30_000;

const defaultWaits: CoordinatorWaits = {
  // An attempt that began with the old address still has to fail.
  recoveryMs: staleNameMs + usualTiming.helloMs + 5_000,
  settleMs: 2_000,
  successorMs: 30_000,
  saveMs: 20_000,
  farewellMs: 10_000,
};

/** Beyond the time for saving, to say so to the others. */
const stopSlackMs = 1_000;

/** Runs a parameter server, and with index 0 the coordinator too. Rejects where the port cannot be listened on. */
export async function startParameterServer(options: StartOptions): Promise<RunningServer> {
  const server = new ServerProcess(options);
  await server.listen();
  return server;
}

class ServerProcess implements RunningServer {
  readonly done: Promise<ServerEnd>;
  readonly #options: StartOptions;
  readonly #timing: Timing;
  readonly #checkpoints: WritableFolder;
  readonly #server: ParameterServer;
  readonly #coordinator: Coordinator | undefined;
  readonly #end = Promise.withResolvers<ServerEnd>();
  readonly #over = new AbortController();
  #incarnation: number | undefined;
  #listener: Listener | undefined;
  #link: Link | undefined;
  #fault: TrainingFault | undefined;
  #isStopping = false;

  constructor(options: StartOptions) {
    const { index, peers, job, kernels, random, log, now, work, timing, waits } = options;
    const reached: Reached = options.reached ?? (() => undefined);
    this.#options = options;
    this.#timing = { ...usualTiming, ...timing, now };
    this.#checkpoints = folderPart(options.checkpoints, jobPrefix(job));
    this.#server = new ParameterServer({
      index,
      servers: peers.length,
      job,
      kernels,
      checkpoints: this.#checkpoints,
      random,
      log,
      reached,
      ...(work && {
        record: (version, known) => this.#theCoordinator().record(version, known),
        onLoss: (step, loss) => this.#theCoordinator().tookLoss(step, loss),
      }),
      onEnd: (outcome) => {
        if (!this.#coordinator) this.#end.resolve(outcome ?? 'Stopped');
      },
    });
    this.#coordinator =
      work &&
      new Coordinator({
        job,
        work,
        checkpoints: this.#checkpoints,
        servers: peers.length,
        claim: () => this.#claim(),
        slots: this.#server.slots,
        slices: sliceClient((...parameters) => this.#connectData(...parameters)),
        now,
        random,
        log,
        reached,
        waits: { ...defaultWaits, ...waits },
      });
    this.done = this.#end.promise.finally(() => this.#close());
  }

  async listen(): Promise<void> {
    const { listen: at, job, tls, log } = this.#options;
    this.#listener = await listen({
      ...at,
      specHash: job.specHash,
      tls,
      timing: this.#timing,
      log,
      admit: (hello) => this.#admit(hello),
    });
    const running = this.#coordinator ? this.#coordinator.run() : this.#serve();
    running.then(
      (end) => end && this.#end.resolve(end),
      (error: unknown) => this.#end.reject(error),
    );
  }

  report(): ReturnType<RunningServer['report']> {
    if (this.#coordinator) return this.#coordinator.report();
    const isAlone = this.#link !== undefined && !this.#link.connection;
    const fault = this.#fault ?? (isAlone ? waitingForCoordinator : undefined);
    return { phase: this.#phase(), ...(fault && { fault }) };
  }

  stop(graceMs: number): void {
    this.#isStopping = true;
    if (this.#coordinator) this.#coordinator.stop(graceMs);
    else if (!this.#server.askToStop()) this.#end.resolve('Stopped');
    const timer = setTimeout(() => this.#end.resolve('Stopped'), graceMs + stopSlackMs);
    void this.done.finally(() => clearTimeout(timer));
  }

  #phase(): TrainingReport['phase'] {
    if (this.#isStopping) return 'Stopping';
    if (this.#incarnation === undefined) return 'Preparing';
    return this.#server.isServing ? 'Running' : 'Waiting';
  }

  #theCoordinator(): Coordinator {
    if (!this.#coordinator) throw new Error('only server 0 coordinates');
    return this.#coordinator;
  }

  #admit(hello: Hello): { open(connection: Connection): Receiver<unknown> } | Refusal {
    if (hello.channel === 'Control') {
      return this.#coordinator?.members.admit(hello) ?? { code: 'WrongJob', message: 'server 0 coordinates' };
    }
    if (this.#incarnation === undefined) return { code: 'NotReady', message: 'this server is starting' };
    if (hello.incarnation !== this.#incarnation) {
      return { code: 'WrongIncarnation', message: `this is incarnation ${this.#incarnation}` };
    }
    return { open: (connection) => this.#server.data.accept(connection) };
  }

  /** Of a server that does not coordinate: resolves once it is known that it has no part in the job; otherwise `onEnd` says how it ends. */
  async #serve(): Promise<ServerEnd | undefined> {
    const { index, job, peers, tls, lookup, random, log } = this.#options;
    const [peer] = peers;
    if (!peer) throw new Error('there is no parameter server 0');
    const patience = {
      random,
      signal: this.#over.signal,
      onTrouble: (fault: TrainingFault | undefined) => (this.#fault = fault),
    };
    const incarnation = await persistently(() => this.#claim(), patience);
    const { promise, resolve } = Promise.withResolvers<ServerEnd>();
    this.#link = new Link({
      peer,
      hello: { specHash: job.specHash, role: 'ParameterServer', channel: 'Control', index, incarnation },
      tls,
      timing: this.#timing,
      lookup,
      random,
      log,
      open: (connection) => {
        const receiver = this.#server.control(connection);
        return {
          ...receiver,
          closed: (error) => {
            receiver.closed(error);
            // Without a coordinator nothing more can be saved.
            if (this.#isStopping) resolve('Stopped');
          },
        };
      },
      failed: ({ refusal }: TransportError) => {
        if (refusal === 'Superseded') resolve('Superseded');
        return refusal === 'Superseded';
      },
    });
    return promise;
  }

  async #claim(): Promise<number> {
    const { index, podName } = this.#options;
    try {
      this.#incarnation = await claimIncarnation(this.#checkpoints, index, podName);
    } catch (error) {
      throw placeFailure(error, 'checkpoint');
    }
    if (this.#coordinator) this.#connectToSelf(this.#coordinator, this.#incarnation);
    return this.#incarnation;
  }

  /** Server 0 obeys the coordinator like the others. */
  #connectToSelf({ members }: Coordinator, incarnation: number): void {
    connectInMemory(
      (connection) => members.openServer(0, incarnation, connection),
      (connection) => this.#server.control(connection),
    );
  }

  #connectData(...[index, incarnation, open]: Parameters<ConnectData>): ReturnType<ConnectData> {
    const { peers, job, tls, lookup } = this.#options;
    if (index === this.#options.index) {
      const { promise, resolve } = Promise.withResolvers<Awaited<ReturnType<ConnectData>>>();
      connectInMemory(
        (connection) => {
          resolve(connection);
          return open(connection);
        },
        (connection: Connection<FromServer>) => this.#server.data.accept(connection),
      );
      return promise;
    }
    const peer = peers[index];
    if (!peer) throw new Error(`there is no parameter server ${index}`);
    const hello = { specHash: job.specHash, role: 'ParameterServer', channel: 'Data', index: 0, incarnation } as const;
    return dial({ peer, hello, tls, timing: this.#timing, lookup, signal: this.#over.signal, open });
  }

  async #close(): Promise<void> {
    this.#over.abort();
    this.#link?.close();
    await this.#listener?.close();
  }
}

const waitingForCoordinator: TrainingFault = {
  reason: 'WaitingForServers',
  message: 'parameter server 0, which coordinates, cannot be reached; training goes on when it is there',
  retrying: true,
};
