import { setTimeout as delay } from 'node:timers/promises';
import {
  serverToCoordinator,
  workerToCoordinator,
  type CoordinatorToServer,
  type CoordinatorToWorker,
  type Hello,
  type ServerToCoordinator,
  type WorkerToCoordinator,
} from '../messages.ts';
import { TransportError, type Connection, type Receiver, type Reception } from '../transport/connection.ts';
import type { Refusal } from '../transport/listener.ts';

export interface ServerMember {
  index: number;
  incarnation: number;
  connection: Connection<CoordinatorToServer>;
}

export interface WorkerMember {
  index: number;
  connection: Connection<CoordinatorToWorker>;
  /** Of one that has model and data. */
  ready: Extract<WorkerToCoordinator, { type: 'ready' }> | undefined;
}

/** What happens among the members. Payloads belong to the listener. */
export interface MemberListener {
  serverJoined?(server: ServerMember): void;
  serverLeft?(server: ServerMember): void;
  serverSaid?(server: ServerMember, message: ServerToCoordinator, payload: Uint8Array): void;
  /** It is ready for work. */
  workerJoined?(worker: WorkerMember): void;
  /** One that was ready. */
  workerLeft?(worker: WorkerMember): void;
  workerSaid?(worker: WorkerMember, message: WorkerToCoordinator, payload: Uint8Array): void;
}

/** A payload above this is no message of a member: the whole loss curve of 16 million steps is shorter. */
const maxPayloadBytes = 128 * 1024 * 1024;

const nothing = new Uint8Array(0);

type Farewell = Extract<CoordinatorToServer & CoordinatorToWorker, { type: 'finish' }>;

const farewellPollMs = 20;

/** Who is connected to the coordinator. */
export class Members {
  readonly #servers: (ServerMember | undefined)[];
  /** The highest incarnation of each server that was ever heard of. */
  readonly #incarnations: number[];
  readonly #workers = new Map<number, WorkerMember>();
  /** When the youngest worker of each index that ever connected had started. */
  readonly #starts = new Map<number, number>();
  readonly #listeners = new Set<MemberListener>();
  #farewell: Farewell | undefined;
  /** Servers that heard it. */
  readonly #told = new Set<number>();

  constructor(servers: number) {
    this.#servers = Array.from({ length: servers }, () => undefined);
    this.#incarnations = Array.from({ length: servers }, () => 0);
  }

  /** An incarnation that is known from elsewhere: older ones are turned away. */
  learn(server: number, incarnation: number): void {
    this.#incarnations[server] = Math.max(this.#incarnations[server] ?? 0, incarnation);
    const connected = this.#servers[server];
    if (connected && connected.incarnation < incarnation) connected.connection.destroy();
  }

  /** Those that are connected, in order. */
  get servers(): ServerMember[] {
    return this.#servers.filter((server) => server !== undefined);
  }

  /** Indexes of servers that are not connected. */
  get absent(): number[] {
    return [...this.#servers.keys()].filter((index) => !this.#servers[index]);
  }

  /** Those that are ready, in order of their index. */
  get workers(): WorkerMember[] {
    return [...this.#workers.values()].filter(({ ready }) => ready).sort((a, b) => a.index - b.index);
  }

  /** Calls until the returned function is called. */
  listen(listener: MemberListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  toServers(message: CoordinatorToServer): void {
    for (const { connection } of this.servers) void connection.send(message);
  }

  /** Begins a generation with everybody who has a part in it. */
  pause(generation: number): void {
    this.toServers({ type: 'pause', generation });
    for (const { connection } of this.workers) void connection.send({ type: 'pause', generation });
  }

  toWorkers(message: CoordinatorToWorker): void {
    for (const { connection } of this.#workers.values()) void connection.send(message);
  }

  /** Says the same last words to everybody, now or when they connect. Resolves once all heard them and left, or after so many milliseconds. */
  async farewell(words: Farewell, withinMs: number): Promise<void> {
    this.#farewell = words;
    this.toServers(words);
    this.toWorkers(words);
    for (const { index } of this.servers) this.#told.add(index);
    const isOver = (): boolean =>
      this.#told.size >= this.#servers.length - 1 &&
      this.#workers.size === 0 &&
      this.servers.every(({ index }) => index === 0);
    for (let waitedMs = 0; !isOver() && waitedMs < withinMs; waitedMs += farewellPollMs) await delay(farewellPollMs);
  }

  admit(hello: Hello): { open(connection: Connection): Receiver<unknown> } | Refusal {
    const { role, index, incarnation } = hello;
    if (role === 'Worker') return this.#admitWorker(index, incarnation);
    const known = this.#incarnations[index];
    if (known === undefined) return { code: 'WrongJob', message: `the job has no parameter server ${index}` };
    if (incarnation < known) {
      return { code: 'Superseded', message: `incarnation ${known} of parameter server ${index} took over` };
    }
    return { open: (connection) => this.openServer(index, incarnation, connection) };
  }

  /** Takes a server whose incarnation is known to be the right one. */
  openServer(index: number, incarnation: number, connection: Connection): Receiver<ServerToCoordinator> {
    this.learn(index, incarnation);
    const before = this.#servers[index];
    const server: ServerMember = { index, incarnation, connection };
    const leave = (): void => {
      if (this.#servers[index] !== server) return;
      this.#servers[index] = undefined;
      this.#tell((listener) => listener.serverLeft?.(server));
    };
    before?.connection.destroy();
    this.#servers[index] = server;
    if (this.#farewell) {
      void connection.send(this.#farewell);
      this.#told.add(index);
    }
    queueMicrotask(() => this.#tell((listener) => listener.serverJoined?.(server)));
    return {
      schema: serverToCoordinator,
      message: (message, payloadBytes) =>
        received(payloadBytes, (payload) => {
          if (this.#servers[index] !== server) return;
          this.#tell((listener) => listener.serverSaid?.(server, message, payload));
        }),
      closed: leave,
    };
  }

  /** Of two processes that are the same worker, one of them on a node that was lost, only the younger one stays. */
  #admitWorker(index: number, startedAtMs: number): ReturnType<Members['admit']> {
    if (startedAtMs < (this.#starts.get(index) ?? 0)) {
      return { code: 'Superseded', message: `a worker ${index} that was started later took over` };
    }
    this.#starts.set(index, startedAtMs);
    return { open: (connection) => this.#worker(index, connection) };
  }

  #worker(index: number, connection: Connection): Receiver<WorkerToCoordinator> {
    const worker: WorkerMember = { index, connection, ready: undefined };
    const leave = (): void => {
      if (this.#workers.get(index) !== worker) return;
      this.#workers.delete(index);
      if (worker.ready) this.#tell((listener) => listener.workerLeft?.(worker));
    };
    this.#workers.get(index)?.connection.destroy();
    this.#workers.set(index, worker);
    if (this.#farewell) void connection.send(this.#farewell);
    return {
      schema: workerToCoordinator,
      message: (message, payloadBytes) =>
        received(payloadBytes, (payload) => {
          if (this.#workers.get(index) !== worker) return;
          if (message.type !== 'ready') this.#tell((listener) => listener.workerSaid?.(worker, message, payload));
          else if (!worker.ready) {
            worker.ready = message;
            this.#tell((listener) => listener.workerJoined?.(worker));
          }
        }),
      closed: leave,
    };
  }

  #tell(what: (listener: MemberListener) => void): void {
    for (const listener of [...this.#listeners]) what(listener);
  }
}

function received(payloadBytes: number, done: (payload: Uint8Array) => void): Reception | undefined {
  if (payloadBytes > maxPayloadBytes) throw new TransportError('Protocol', `a payload of ${payloadBytes} bytes`);
  if (payloadBytes === 0) {
    done(nothing);
    return undefined;
  }
  const into = new Uint8Array(payloadBytes);
  return { into, done: () => done(into), lost: () => undefined };
}
