import { pino } from 'pino';
import type { Registry } from 'prom-client';
import { createRegistry } from '../../../../lib/metrics.ts';
import type { Dataset, Rows } from '../../../../runtime/training/data/dataset.ts';
import { slicesOf } from '../../../../runtime/training/layout.ts';
import {
  toServer,
  workerToCoordinator,
  type Assignment,
  type CoordinatorToWorker,
  type FromServer,
  type ToServer,
  type WorkerToCoordinator,
} from '../../../../runtime/training/messages.ts';
import { uniform } from '../../../../runtime/numeric/random.ts';
import { type Connection, type Payload, type Receiver } from '../../../../runtime/training/transport/connection.ts';
import { connectInMemory } from '../../../../runtime/training/transport/memory-connection.ts';
import { Engine } from '../../../../runtime/training/worker/engine.ts';
import { observeIn } from '../../../../runtime/training/worker/worker-metrics.ts';
import { TrainingWorker, type TrainingWorkerOptions } from '../../../../runtime/training/worker/training-worker.ts';
import type { OptimizerSpec, TrainingJobFile } from '../../../../runtime/training-contract.ts';
import { eventually } from '../../../support/eventually.ts';
import { handMadeGraph, plainDescent } from '../../../support/training-graphs.ts';

/** Two servers with a block each, and some more. */
export const graph = handMadeGraph({ width: 100, hidden: 60 });
const servers = 2;
export const slices = slicesOf(graph.layout.total, servers);
export const gradientShards = 4;
export const seed = 11;

/** One end of connections to a role that a test plays. */
class Peer<In extends { type: string }, Out extends { type: string }> {
  readonly received: { message: In; payload: Uint8Array }[] = [];
  readonly #schema: Receiver<In>['schema'];
  #connection: Connection<Out> | undefined;

  constructor(schema: Receiver<In>['schema']) {
    this.#schema = schema;
  }

  open(connection: Connection<Out>): Receiver<In> {
    this.#connection = connection;
    return {
      schema: this.#schema,
      message: (message, payloadBytes) => {
        const payload = new Uint8Array(payloadBytes);
        this.received.push({ message, payload });
        return { into: payload, done: () => undefined, lost: () => undefined };
      },
      closed: () => undefined,
    };
  }

  say(message: Out, payload?: Payload): void {
    if (!this.#connection?.open) throw new Error('nobody is connected');
    void this.#connection.send(message, payload);
  }

  /** Ends the connection, as the loss of this role would. */
  cut(): void {
    this.#connection?.destroy();
  }

  of<Type extends In['type']>(type: Type): Extract<In, { type: Type }>[] {
    return this.received.map(({ message }) => message).filter((message) => message.type === type) as never;
  }

  /** Waits until so many messages of that type came, and gives them. */
  async until<Type extends In['type']>(type: Type, count: number): Promise<Extract<In, { type: Type }>[]> {
    await eventually(
      () => {
        const messages = this.of(type);
        if (messages.length < count) throw new Error(`${messages.length} of ${count} messages ${type}`);
      },
      5_000,
      5,
    );
    return this.of(type);
  }

  payloadOf(message: In): Uint8Array {
    const found = this.received.find((entry) => entry.message === message);
    if (!found) throw new Error('no such message');
    return found.payload;
  }
}

type Coordinator = Peer<WorkerToCoordinator, CoordinatorToWorker>;
type Server = Peer<ToServer, FromServer>;

export const rowsPerBatch = 12;
/** With one slot. */
export const optimizer: OptimizerSpec = { ...plainDescent, name: 'Momentum', learningRate: 0.5, momentum: 0.9 };

/** Any rows, but always the same. */
export function rowsAt(from: number, to: number): Rows {
  const count = to - from;
  const data = Float32Array.from({ length: count * 100 }, (_, index) => Math.sin(from * 100 + index));
  const labels = BigInt64Array.from({ length: count }, (_, row) => BigInt((from + row) % 3));
  return {
    count,
    inputs: new Map([['features', { data, shape: [count, 100] }]]),
    labels: { data: labels, shape: [count] },
  };
}

/** A version of the parameters, of 4096 and more elements. */
export const parametersAt = (version: number): Float32Array =>
  uniform(version, ['parameters'], graph.layout.total).map((value) => (value - 0.5) / 10);

export interface ScriptedJob {
  /** Of the worker's metrics. */
  registry: Registry;
  worker: TrainingWorker;
  engine: Engine;
  coordinator: Coordinator;
  servers: Server[];
  /** Incarnations that the worker connected to, by server. */
  connected: number[][];
  /** Incarnations that it turned away from, by server. */
  left: number[][];
  /** The connection to a server or, without a number, to the coordinator comes back. */
  reconnect(server?: number): void;
  /** Sends a server's slice of a version that was asked for, and slots. */
  give(server: number, version: number, options?: { generation?: number; slots?: number }): Promise<void>;
}

/** A worker among roles that a test plays. */
export function startScriptedJob(
  changes: Partial<TrainingWorkerOptions> & { read?: Dataset['read'] } = {},
): ScriptedJob {
  const engine = new Engine(1, 'cpu');
  const registry = createRegistry({ ofProcess: false });
  const coordinator: Coordinator = new Peer(workerToCoordinator);
  const peers: Server[] = Array.from({ length: servers }, () => new Peer(toServer));
  const connected: number[][] = peers.map(() => []);
  const left: number[][] = peers.map(() => []);
  const redial: (() => void)[] = [];
  let redialControl = (): void => undefined;
  const dataset: Dataset = {
    digest: 'sha256:data',
    rows: 40,
    badRows: 0,
    features: { name: 'features', dataType: 'FP32', shape: [-1, 100] },
    label: graph.label,
    featureNames: undefined,
    classes: undefined,
    split: { train: 36, validation: 4, test: 0 },
    read: changes.read ?? ((_split, _epoch, from, to) => Promise.resolve(rowsAt(from, to))),
    close: () => Promise.resolve(),
  };
  const worker = new TrainingWorker({
    job: { batchSize: rowsPerBatch, gradientShards, epochs: 2, seed, optimizer } as TrainingJobFile,
    podName: 'job-worker-0',
    servers,
    engine,
    slots: 1,
    prepare: () =>
      Promise.resolve({
        model: new Uint8Array(),
        baseDigest: undefined,
        graph,
        digest: 'sha256:program',
        dataset,
        close: () => dataset.close(),
      }),
    connectControl: (open) => {
      redialControl = () => connectInMemory(open, (connection) => coordinator.open(connection));
      redialControl();
      return { close: () => coordinator.cut() };
    },
    connectData: (server, incarnation, open) => {
      const peer = peers[server];
      if (!peer) throw new Error(`there is no server ${server}`);
      connected[server]?.push(incarnation);
      const dial = (): void => connectInMemory(open, (connection) => peer.open(connection));
      redial[server] = dial;
      dial();
      const close = (): void => {
        left[server]?.push(incarnation);
        peer.cut();
      };
      return { close };
    },
    random: Math.random,
    log: pino({ level: 'silent' }),
    reached: () => undefined,
    observer: observeIn(registry),
    now: () => performance.now(),
    ...changes,
  });
  return {
    registry,
    worker,
    engine,
    coordinator,
    servers: peers,
    connected,
    left,
    reconnect: (server) => (server === undefined ? redialControl() : redial[server]?.()),
    give: async (server, version, { generation = 1, slots = 0 } = {}) => {
      await eventually(
        () => {
          const pulls = peers[server]?.of('pull') ?? [];
          if (!pulls.some((pull) => pull.version === version && pull.generation === generation))
            throw new Error(`no pull of version ${version}`);
        },
        5_000,
        5,
      );
      const { from = 0, to = 0 } = slices[server] ?? {};
      for (let vector = 0; vector <= slots; vector++) {
        const values = parametersAt(version + vector * 1000).subarray(from, to);
        peers[server]?.say({ type: 'parameters', generation, version, vector }, values);
      }
    },
  };
}

/** All leaves of a step. */
export const all = { from: 0, to: gradientShards };

/** Brings a worker so far that it pulls. */
export async function begin(
  job: ScriptedJob,
  assignments: Assignment[],
  { generation = 1, mirrors = [] as number[] } = {},
): Promise<void> {
  await job.coordinator.until('ready', 1);
  job.coordinator.say({ type: 'pause', generation });
  job.coordinator.say({ type: 'servers', generation, incarnations: [1, 1] });
  job.coordinator.say({ type: 'plan', generation, assignments, mirrors });
}

export const floats = (bytes: Uint8Array): Float32Array => new Float32Array(Uint8Array.from(bytes).buffer);
