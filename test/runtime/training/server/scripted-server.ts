import { pino } from 'pino';
import type { TrainingJobFile } from '../../../../runtime/training-contract.ts';
import { createKernels, type Kernels } from '../../../../runtime/training/kernels.ts';
import {
  fromServer,
  serverToCoordinator,
  type CoordinatorToServer,
  type FromServer,
  type ServerToCoordinator,
  type ToServer,
} from '../../../../runtime/training/messages.ts';
import { ParameterServer, type ParameterServerOptions } from '../../../../runtime/training/server/parameter-server.ts';
import {
  bytesOf,
  type Connection,
  type Payload,
  type Receiver,
} from '../../../../runtime/training/transport/connection.ts';
import { connectInMemory } from '../../../../runtime/training/transport/memory-connection.ts';
import { MemoryFolder } from './memory-folder.ts';

let shared: Promise<Kernels> | undefined;

/** Small ones, made once. */
const kernels = (): Promise<Kernels> => (shared ??= createKernels(2 ** 24));

export const optimizer: TrainingJobFile['optimizer'] = {
  name: 'Momentum',
  learningRate: 0.5,
  weightDecay: 0,
  momentum: 0.5,
  beta1: 0,
  beta2: 0,
  epsilon: 0,
  schedule: { name: 'Constant', warmupSteps: 0 },
};

type Heard<Message> = Message & { payload?: Float32Array };

/** Says things to one end of a connection, and keeps what it answers. */
class Talk<Out extends { type: string }, In extends { type: string }> {
  readonly heard: Heard<In>[] = [];
  ended = false;
  connection: Connection<Out> | undefined;

  say(message: Out, payload?: Payload): void {
    void this.connection?.send(message, payload);
  }

  keep(message: In, bytes: Uint8Array | undefined): void {
    this.heard.push(bytes ? { ...message, payload: new Float32Array(bytes.slice().buffer) } : message);
  }

  /** Once so many messages of that type came, the last of them. */
  async next<Type extends In['type']>(type: Type, count = 1): Promise<Heard<Extract<In, { type: Type }>>> {
    for (let turns = 0; turns < 2_000; turns++) {
      const found = this.heard.filter((message) => message.type === type);
      if (found.length >= count) return found[count - 1] as Heard<Extract<In, { type: Type }>>;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    throw new Error(`no ${type} came, only ${this.heard.map((message) => message.type).join(', ')}`);
  }
}

export type Coordinator = Talk<CoordinatorToServer, ServerToCoordinator>;
export type Client = Talk<ToServer, FromServer>;

/** A parameter server with everybody it talks to played by the test. */
export class ScriptedServer {
  readonly folder = new MemoryFolder();
  readonly server: ParameterServer;

  private constructor(options: ParameterServerOptions, folder: MemoryFolder) {
    this.server = new ParameterServer(options);
    this.folder = folder;
  }

  static async create(changes: Partial<ParameterServerOptions> = {}, job: Partial<TrainingJobFile> = {}) {
    const folder = new MemoryFolder();
    const options: ParameterServerOptions = {
      index: 0,
      servers: 1,
      job: { optimizer, gradientShards: 4, ...job } as TrainingJobFile,
      kernels: await kernels(),
      checkpoints: folder,
      random: () => 0,
      log: pino({ level: 'silent' }),
      reached: () => undefined,
      onEnd: () => undefined,
      ...changes,
    };
    return new ScriptedServer(options, folder);
  }

  coordinator(): Coordinator {
    const talk: Coordinator = new Talk();
    connectInMemory(
      (connection): Receiver<ServerToCoordinator> => {
        talk.connection = connection;
        return {
          schema: serverToCoordinator,
          message: (message, bytes) => receive(talk, message, bytes),
          closed: () => (talk.ended = true),
        };
      },
      (connection) => this.server.control(connection),
    );
    return talk;
  }

  client(): Client {
    const talk: Client = new Talk();
    connectInMemory(
      (connection): Receiver<FromServer> => {
        talk.connection = connection;
        return {
          schema: fromServer,
          message: (message, bytes) => receive(talk, message, bytes),
          closed: () => (talk.ended = true),
        };
      },
      (connection) => this.server.data.accept(connection),
    );
    return talk;
  }

  /** Brings it to version 0 of these weights. */
  async begin(weights: Float32Array, { generation = 1, trainable = weights.length, totalSteps = 100 } = {}) {
    const coordinator = this.coordinator();
    coordinator.say({ type: 'program', trainable, total: weights.length, totalSteps });
    coordinator.say({ type: 'pause', generation });
    coordinator.say({ type: 'restore', generation, version: 0, from: { kind: 'Fill' } });
    await coordinator.next('expecting');
    const client = this.client();
    client.say({ type: 'fill', generation, version: 0, vector: 0, last: true }, weights);
    await coordinator.next('restored');
    return { coordinator, client };
  }
}

function receive<Out extends { type: string }, In extends { type: string }>(
  talk: Talk<Out, In>,
  message: In,
  bytes: number,
) {
  if (bytes === 0) {
    talk.keep(message, undefined);
    return undefined;
  }
  const into = new Uint8Array(bytes);
  return { into, done: () => talk.keep(message, bytesOf(into)), lost: () => undefined };
}

export const push = (
  step: number,
  level: number,
  index: number,
  generation = 1,
  loss: number | null = 1,
): ToServer => ({
  type: 'push',
  generation,
  step,
  node: { level, index },
  loss,
});

export const pull = (version: number, { generation = 1, slots = false, hasBase = false } = {}): ToServer => ({
  type: 'pull',
  generation,
  version,
  slots,
  ...(hasBase && { hasBase }),
});
