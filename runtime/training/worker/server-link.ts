import { fromServer, type FromServer, type ToServer } from '../messages.ts';
import type { TreeNode } from '../sum-tree.ts';
import type { Connection, Receiver, Reception, TransportError } from '../transport/connection.ts';
import type { Link } from '../transport/link.ts';
import type { KnownRecord } from '../server/data-port.ts';
import type { RecordCounts } from './coordinator-memory.ts';
import type { WorkerObserver } from './worker-metrics.ts';

/** How a pull ended: with all of it, with the word that the version is not there, or with the generation. */
export type PullEnd = 'Here' | 'Gone' | 'Dropped';

/** How a server made a version of the one before, beside the gradient. */
export type Update = Pick<Extract<FromServer, { type: 'update' }>, 'own' | 'learningRate' | 'gradientScale'>;

/** Where the parts of a pull go. Each is asked for when it arrives; undefined: it is of no use. */
export interface PullTarget {
  vector(vector: number): Reception | undefined;
  /** @param made to be called when what the update makes is there, or will not be */
  update(update: Update, made: () => void): Reception | undefined;
  coordinator(counts: RecordCounts, payloadBytes: number): Reception | undefined;
  isComplete(): boolean;
}

export interface PullRequest {
  version: number;
  slots: boolean;
  /** Whether the version before is at hand, with slots: an update does. */
  hasBase: () => boolean;
  /** What of the coordinator's state is known, where that is wanted too. */
  known: KnownRecord | undefined;
}

/** A request under way. */
interface Ask<End> {
  say(connection: Connection<ToServer>): void;
  ended: Promise<End>;
  end(end: End): void;
}

/** Keeps a data connection to one incarnation of a server. `failed` after each attempt that came to nothing; true: give up. */
export type Connect = (
  incarnation: number,
  open: (connection: Connection<ToServer>) => Receiver<FromServer>,
  failed: (error: TransportError) => boolean,
) => Pick<Link, 'close'>;

export interface ServerLinkOptions {
  connect: Connect;
  moved: WorkerObserver['moved'];
  /** In milliseconds. */
  now: () => number;
  /** Requests wait, and the server could not be reached for a while. Called again as long as that is so. */
  unreachable: (error: TransportError) => void;
}

/** How long a server may be out of reach before that is worth a word: most that are lost are named anew by then. */
const patienceMs = 5_000;

/**
 * What a worker asks of one server. A request that was not answered is said again on the next connection. All of a generation end
 * with it.
 */
export class ServerLink {
  readonly #options: ServerLinkOptions;
  readonly #pulls = new Map<number, Ask<PullEnd> & { target: PullTarget }>();
  readonly #others = new Map<string, Ask<boolean>>();
  #generation = 0;
  #incarnation: number | undefined;
  #link: Pick<Link, 'close'> | undefined;
  #connection: Connection<ToServer> | undefined;
  /** Attempts to connect since there was a connection. */
  #failing: { error: TransportError; sinceMs: number; lastMs: number } | undefined;

  constructor(options: ServerLinkOptions) {
    this.#options = options;
  }

  /** What keeps requests from being answered, if something did for a while. */
  get trouble(): TransportError | undefined {
    if (!this.#failing || this.#pulls.size + this.#others.size === 0) return undefined;
    const { error, sinceMs, lastMs } = this.#failing;
    return lastMs - sinceMs >= patienceMs ? error : undefined;
  }

  /** Ends all requests of the generation before. */
  begin(generation: number): void {
    this.#generation = generation;
    for (const ask of this.#pulls.values()) ask.end('Dropped');
    for (const ask of this.#others.values()) ask.end(false);
    this.#pulls.clear();
    this.#others.clear();
  }

  /** Talks to that incarnation from now on. */
  use(incarnation: number): void {
    if (incarnation === this.#incarnation) return;
    this.close();
    this.#incarnation = incarnation;
    this.#link = this.#options.connect(
      incarnation,
      (connection) => this.#open(connection),
      (error) => this.#failed(error),
    );
  }

  close(): void {
    this.#link?.close();
    this.#link = undefined;
    this.#incarnation = undefined;
    this.#failing = undefined;
  }

  /** A pull of a version that is under way is widened: the target is the one that it began with. */
  pull(request: PullRequest, target: PullTarget): Promise<PullEnd> {
    const { version } = request;
    const generation = this.#generation;
    const say = (connection: Connection<ToServer>): void => {
      const { known, slots, hasBase } = request;
      void connection.send({ type: 'pull', generation, version, slots, ...(hasBase() && { hasBase: true }), ...known });
    };
    const known = this.#pulls.get(version);
    if (known) known.say = say;
    const ask = known ?? { ...newAsk<PullEnd>(say), target };
    this.#pulls.set(version, ask);
    if (this.#connection) say(this.#connection);
    return ask.ended;
  }

  /** Ends a pull that waits, if one does. */
  giveUp(version: number): void {
    this.#endPull(version, 'Gone');
  }

  /**
   * Resolves with whether the server has it: false where the generation ended, and then once nothing of it is on its way any more. The values must
   * stay as they are until then.
   */
  async push(step: number, node: TreeNode, loss: number, values: Float32Array): Promise<boolean> {
    const generation = this.#generation;
    const sends = new Set<Promise<boolean>>();
    const isPushed = await this.#ask(pushKey(step, node), (connection) => {
      const finite = Number.isFinite(loss) ? loss : null;
      this.#options.moved('sent', values.byteLength);
      const sending = connection.send({ type: 'push', generation, step, node, loss: finite }, values);
      sends.add(sending);
      void sending.then(() => sends.delete(sending));
    });
    if (!isPushed) await Promise.all(sends);
    return isPushed;
  }

  /** Like `push`, for the vectors of a version. */
  fill(version: number, vectors: readonly Float32Array[]): Promise<boolean> {
    const generation = this.#generation;
    return this.#ask(fillKey(version), (connection) =>
      vectors.forEach((values, vector) => {
        const last = vector === vectors.length - 1;
        void connection.send({ type: 'fill', generation, version, vector, last }, values);
      }),
    );
  }

  #ask(key: string, say: Ask<boolean>['say']): Promise<boolean> {
    const ask = newAsk<boolean>(say);
    this.#others.set(key, ask);
    if (this.#connection) say(this.#connection);
    return ask.ended;
  }

  #failed(error: TransportError): boolean {
    const lastMs = this.#options.now();
    this.#failing = { error, sinceMs: this.#failing?.sinceMs ?? lastMs, lastMs };
    if (this.trouble) this.#options.unreachable(this.trouble);
    return false;
  }

  #open(connection: Connection<ToServer>): Receiver<FromServer> {
    this.#connection = connection;
    this.#failing = undefined;
    for (const ask of this.#pulls.values()) ask.say(connection);
    for (const ask of this.#others.values()) ask.say(connection);
    return {
      schema: fromServer,
      message: (message, payloadBytes) =>
        message.generation === this.#generation ? this.#take(message, payloadBytes) : undefined,
      closed: () => {
        if (this.#connection === connection) this.#connection = undefined;
      },
    };
  }

  #take(message: FromServer, payloadBytes: number): Reception | undefined {
    switch (message.type) {
      case 'parameters':
        return this.#receive(message.version, (target) => target.vector(message.vector));
      case 'update':
        return this.#receive(message.version, (target, settle) => target.update(message, settle));
      case 'coordinator':
        return this.#receive(message.version, (target) => target.coordinator(message, payloadBytes));
      case 'gone':
        this.#endPull(message.version, 'Gone');
        return undefined;
      case 'pushed':
        this.#end(pushKey(message.step, message.node));
        return undefined;
      case 'filled':
        this.#end(fillKey(message.version));
        return undefined;
    }
  }

  #receive(
    version: number,
    receptionOf: (target: PullTarget, settle: () => void) => Reception | undefined,
  ): Reception | undefined {
    const ask = this.#pulls.get(version);
    if (!ask) return undefined;
    const settle = (): void => {
      if (ask.target.isComplete() && this.#pulls.get(version) === ask) this.#endPull(version, 'Here');
    };
    const reception = receptionOf(ask.target, settle);
    if (!reception) {
      // All that was missing, such as slots of a rule that has none, may have been here before.
      settle();
      return undefined;
    }
    return {
      into: reception.into,
      lost: () => reception.lost(),
      done: () => {
        this.#options.moved('received', reception.into.byteLength);
        reception.done();
        settle();
      },
    };
  }

  #endPull(version: number, end: PullEnd): void {
    this.#pulls.get(version)?.end(end);
    this.#pulls.delete(version);
  }

  #end(key: string): void {
    this.#others.get(key)?.end(true);
    this.#others.delete(key);
  }
}

const pushKey = (step: number, { level, index }: TreeNode): string => `push ${step}/${level}/${index}`;
const fillKey = (version: number): string => `fill ${version}`;

function newAsk<End>(say: Ask<End>['say']): Ask<End> {
  const { promise, resolve } = Promise.withResolvers<End>();
  return { say, ended: promise, end: resolve };
}
