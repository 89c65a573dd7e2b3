import type {
  CoordinatorToServer,
  CoordinatorToWorker,
  ServerToCoordinator,
  WorkerToCoordinator,
} from '../../../../runtime/training/messages.ts';
import { Members } from '../../../../runtime/training/coordinator/members.ts';
import type { Connection, Receiver } from '../../../../runtime/training/transport/connection.ts';

/** One who is connected to the coordinator, played by the test. */
export class Peer<Says, Hears extends { type: string }> {
  readonly heard: Hears[] = [];
  readonly connection: Connection<Hears>;
  receiver: Receiver<Says> | undefined;
  readonly #state = { open: true };

  constructor() {
    const state = this.#state;
    this.connection = {
      get open() {
        return state.open;
      },
      send: (message) => {
        this.heard.push(structuredClone(message));
        return Promise.resolve(true);
      },
      end: () => this.leave(),
      destroy: () => this.leave(),
    };
  }

  get open(): boolean {
    return this.#state.open;
  }

  say(message: Says, payload?: Uint8Array): void {
    const reception = this.receiver?.message(message, payload?.byteLength ?? 0);
    if (payload) reception?.into.set(payload);
    reception?.done();
  }

  leave(): void {
    if (!this.open) return;
    this.#state.open = false;
    this.receiver?.closed(undefined);
  }

  of<Type extends Hears['type']>(type: Type): Extract<Hears, { type: Type }>[] {
    return this.heard.filter((message): message is Extract<Hears, { type: Type }> => message.type === type);
  }
}

export type ServerPeer = Peer<ServerToCoordinator, CoordinatorToServer>;
export type WorkerPeer = Peer<WorkerToCoordinator, CoordinatorToWorker>;

const hello = { type: 'hello', protocol: 1, specHash: '', channel: 'Control' } as const;

export function joinServer(members: Members, index: number, incarnation = 1): ServerPeer | { code: string } {
  const peer: ServerPeer = new Peer();
  const verdict = members.admit({ ...hello, role: 'ParameterServer', index, incarnation });
  if ('code' in verdict) return verdict;
  peer.receiver = verdict.open(peer.connection) as Receiver<ServerToCoordinator>;
  return peer;
}

export function joinWorker(members: Members, index: number, ready = true, startedAtMs = 0): WorkerPeer {
  const peer: WorkerPeer = new Peer();
  const verdict = members.admit({ ...hello, role: 'Worker', index, incarnation: startedAtMs });
  if ('code' in verdict) throw new Error(verdict.message);
  peer.receiver = verdict.open(peer.connection) as Receiver<WorkerToCoordinator>;
  if (ready) {
    peer.say({ type: 'ready', podName: `w-${index}`, runs: 1, programDigest: 'program', dataDigest: 'data' });
  }
  return peer;
}

/** Members that are all there. */
export function everybody(servers: number, workers: number) {
  const members = new Members(servers);
  return {
    members,
    servers: Array.from({ length: servers }, (_, index) => joinServer(members, index) as ServerPeer),
    workers: Array.from({ length: workers }, (_, index) => joinWorker(members, index)),
  };
}
