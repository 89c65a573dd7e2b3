import { toServer, type FromServer, type ToServer } from '../messages.ts';
import { bytesOf, TransportError, type Connection, type Receiver, type Reception } from '../transport/connection.ts';
import type { Reached } from './fault-points.ts';
import type { Contribution, ContributionPool, GradientSum } from './gradient-sum.ts';
import { transfer, type Version, type Versions } from './versions.ts';

/** How much of what only grows a mirror of server 0 has. */
export interface KnownRecord {
  losses: number;
  evaluations: number;
}

/** What the mirror of server 0 keeps of the coordinator. */
export interface CoordinatorRecord {
  /** Of the newest steps. */
  losses: Float64Array;
  evaluationsFrom: number;
  evaluations: number;
  /** Lines of JSON: one for each evaluation, and one of all else. */
  text: Uint8Array;
}

interface SliceState {
  generation: number;
  versions: Versions;
  pool: ContributionPool;
  /** Of the step whose contributions are wanted, if one is. */
  sum: GradientSum | undefined;
}

export interface DataPortOptions {
  reached: Reached;
  record: ((version: number, known: KnownRecord) => CoordinatorRecord) | undefined;
  /** Undefined before the program is known. */
  state(): SliceState | undefined;
  contributed(sum: GradientSum): void;
  /** A version that was expected is there. */
  filled(version: number): void;
}

type Pull = Extract<ToServer, { type: 'pull' }>;
type Push = Extract<ToServer, { type: 'push' }>;
type Fill = Extract<ToServer, { type: 'fill' }>;
type Client = Connection<FromServer>;

/** What workers ask of a slice. Payloads go from the wire to where they are needed and back without another copy. */
export class DataPort {
  readonly #options: DataPortOptions;
  #isOpen = false;
  #waiting: { client: Client; pull: Pull }[] = [];
  #fill: { version: number; target: Version; next: number } | undefined;

  constructor(options: DataPortOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  accept(client: Client): Receiver<ToServer> {
    return {
      schema: toServer,
      message: (message, payloadBytes) => {
        switch (message.type) {
          case 'pull':
            if (payloadBytes > 0) throw new TransportError('Protocol', 'a pull has no payload');
            this.#pull(client, message);
            return undefined;
          case 'push':
            return this.#push(client, message);
          case 'fill':
            return this.#take(client, message);
        }
      },
      closed: () => {
        this.#waiting = this.#waiting.filter((waiting) => waiting.client !== client);
      },
    };
  }

  /** From here on the messages of this generation are answered. */
  open(): void {
    this.#isOpen = true;
  }

  /** Nobody gets anything until it is open again. */
  refuseAll(): void {
    this.#isOpen = false;
    this.#fill = undefined;
    for (const { client, pull } of this.#waiting.splice(0)) this.#refuse(client, pull);
  }

  /** The vectors of this version will come as messages `fill`, and go there. */
  expectFill(version: number, target: Version): void {
    this.#fill = { version, target, next: 0 };
  }

  /** It is known how a version is made, for which an update does where it is waited for. */
  making(version: Version, number: number): void {
    const waiting = this.#waiting;
    this.#waiting = waiting.filter(
      ({ client, pull }) => pull.version !== number || !this.#sendUpdate(client, pull, version),
    );
  }

  /** A version is there that pulls may wait for. */
  made(version: Version): void {
    const waiting = this.#waiting;
    this.#waiting = waiting.filter(({ pull }) => pull.version !== version.number);
    for (const { client, pull } of waiting) if (pull.version === version.number) this.#send(client, pull, version);
  }

  #pull(client: Client, pull: Pull): void {
    const state = this.#options.state();
    const current = state?.versions.current;
    if (!state || !this.#isOpen || pull.generation !== state.generation || current === undefined) {
      this.#refuse(client, pull);
      return;
    }
    const version = state.versions.find(pull.version);
    if (version) this.#send(client, pull, version);
    else if (pull.version > current) this.#waiting.push({ client, pull });
    else this.#refuse(client, pull);
  }

  #refuse(client: Client, { version }: Pull): void {
    const state = this.#options.state();
    const newest = state?.versions.current ?? 0;
    void client.send({ type: 'gone', generation: state?.generation ?? 0, version, newest });
  }

  #send(client: Client, pull: Pull, version: Version): void {
    if (this.#sendUpdate(client, pull, version)) return;
    this.#sendRecord(client, pull);
    const { generation, slots, version: number } = pull;
    for (const [vector, values] of [version.weights, ...(slots ? version.slots : [])].entries()) {
      const sending = client.send({ type: 'parameters', generation, version: number, vector }, values);
      transfer(version, sending, () => client.destroy());
    }
  }

  /** False: an update would not do, or would save nothing. */
  #sendUpdate(client: Client, pull: Pull, version: Version): boolean {
    const { update } = version;
    if (!pull.slots || !pull.hasBase || !update) return false;
    const { gradient, ...factors } = update;
    const own = gradient.by === client;
    if (!own && version.slots.length === 0) return false;
    this.#sendRecord(client, pull);
    const { generation, version: number } = pull;
    const message = { type: 'update', generation, version: number, own, ...factors } as const;
    transfer(version, client.send(message, own ? undefined : gradient.values), () => client.destroy());
    return true;
  }

  /** What comes before the version itself, to a mirror of server 0. */
  #sendRecord(client: Client, { generation, version, losses: lossesFrom, evaluations = 0 }: Pull): void {
    if (lossesFrom === undefined || !this.#options.record) return;
    const { losses, text, ...counts } = this.#options.record(version, { losses: lossesFrom, evaluations });
    void client.send(
      { type: 'coordinator', generation, version, lossesFrom, losses: losses.length, ...counts },
      Buffer.concat([bytesOf(losses), text]),
    );
  }

  /** A push of another step is answered and thrown away. */
  #push(client: Client, push: Push): Reception | undefined {
    const state = this.#options.state();
    const sum = state?.sum;
    if (!state || !sum || push.generation !== state.generation || push.step !== sum.step) {
      acknowledge(client, push);
      return undefined;
    }
    const { pool } = state;
    const values = pool.take();
    const contribution: Contribution = { values, loss: push.loss ?? NaN, by: client };
    return {
      into: bytesOf(values),
      done: () => void this.#contribute(client, push, sum, pool, contribution),
      lost: () => pool.giveBack(values),
    };
  }

  async #contribute(
    client: Client,
    push: Push,
    sum: GradientSum,
    pool: ContributionPool,
    contribution: Contribution,
  ): Promise<void> {
    const { reached } = this.#options;
    const before = reached('ServerReceivedPush', push.step);
    if (before) await before;
    if (sum !== this.#options.state()?.sum) {
      pool.giveBack(contribution.values);
    } else if (!sum.put(push.node, contribution)) {
      pool.giveBack(contribution.values);
      client.destroy();
      return;
    }
    const after = reached('ServerBeforeAcknowledging', push.step);
    if (after) await after;
    acknowledge(client, push);
    this.#options.contributed(sum);
  }

  /** Vectors that nobody expects are thrown away. */
  #take(client: Client, { generation, version, vector, last }: Fill): Reception | undefined {
    const state = this.#options.state();
    const fill = this.#fill;
    if (!state || fill?.version !== version || generation !== state.generation) return undefined;
    if (vector !== 0 && vector !== fill.next) return undefined;
    const into = [fill.target.weights, ...fill.target.slots][vector];
    if (!into) throw new TransportError('Protocol', `there is no vector ${vector}`);
    const { promise, resolve } = Promise.withResolvers<undefined>();
    transfer(fill.target, promise, () => client.destroy());
    return {
      into: bytesOf(into),
      done: () => {
        resolve(undefined);
        if (fill !== this.#fill) return;
        fill.next = vector + 1;
        if (!last) return;
        this.#fill = undefined;
        state.versions.publish(fill.target, version, true);
        void client.send({ type: 'filled', generation, version });
        this.#options.filled(version);
      },
      lost: () => resolve(undefined),
    };
  }
}

function acknowledge(client: Client, { generation, step, node }: Push): void {
  void client.send({ type: 'pushed', generation, step, node });
}
