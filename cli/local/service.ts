import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { ports } from '../../runtime/contract.ts';
import type { LocalCluster } from './cluster.ts';
import { isAvailable, type PodSpec, type PodStatus, portNumber } from './pod.ts';
import { labelMatcher, selectorText } from './selectors.ts';
import { podKind } from './workloads.ts';

const serviceKind = { apiVersion: 'v1', kind: 'Service' };

interface ServicePort {
  name?: string;
  port: number;
  targetPort?: number | string;
}

interface ServiceSpec {
  selector?: Record<string, string>;
  ports?: ServicePort[];
}

/** Where a deployment answers on this machine, as `HOST:PORT`. */
export interface Endpoint {
  http: string;
  grpc: string;
}

interface Opened {
  doors: Door[];
  endpoint: Promise<Endpoint>;
  torchServe?: Promise<string>;
}

interface Backend {
  host: string;
  port: number;
}

const loopback = '127.0.0.1';

/** How long a connection waits for a pod to become ready before it is closed. */
const patienceMs = 3_000;

/** One port of one Service: a TCP proxy that spreads connections over the pods that are ready. */
class Door {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #backends: () => Backend[];
  #turn = 0;

  constructor(backends: () => Backend[]) {
    this.#backends = backends;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => void this.#serve(socket));
  }

  /** Listens on `preferred`, or on a free port where that is taken. */
  async listen(preferred: number): Promise<string> {
    for (const port of [preferred, 0]) {
      try {
        this.#server.listen({ host: loopback, port, exclusive: true });
        await once(this.#server, 'listening');
        break;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || port === 0) throw error;
      }
    }
    return `${loopback}:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Connects to the next ready pod; one that refuses is passed over, since nothing was sent yet. */
  async #serve(client: Socket): Promise<void> {
    this.#keep(client);
    const deadline = AbortSignal.timeout(patienceMs);
    while (!client.destroyed && !deadline.aborted) {
      const backends = this.#backends();
      const turn = this.#turn++ % Math.max(1, backends.length);
      for (const backend of [...backends.slice(turn), ...backends.slice(0, turn)]) {
        const upstream = await dial(backend);
        if (upstream === undefined) continue;
        this.#keep(upstream);
        upstream.on('close', () => client.destroy());
        client.on('close', () => upstream.destroy());
        client.pipe(upstream).pipe(client);
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    client.destroy();
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    // What broke shows as the end of both connections.
    socket.on('error', () => socket.destroy());
  }
}

function dial(backend: Backend): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ ...backend, noDelay: true, allowHalfOpen: true });
    socket.once('connect', () => resolve(socket));
    socket.once('error', () => resolve(undefined));
  });
}

/**
 * The Services of a laptop: for each a port of this machine for HTTP and one for gRPC. The pods behind them come and go
 * with the Service's selector; the addresses stay for the session, also while the Service is gone.
 */
export class Services {
  readonly #cluster: LocalCluster;
  readonly #doors = new Map<string, Opened>();

  constructor(cluster: LocalCluster) {
    this.#cluster = cluster;
  }

  /** Listens for this Service: on the ports it has on a cluster, or on free ones where those are taken. */
  open(namespace: string, name: string): Promise<Endpoint> {
    const key = `${namespace}/${name}`;
    let opened = this.#doors.get(key);
    if (opened === undefined) {
      const http = new Door(() => this.#backends(namespace, name, ['http', 'https']));
      const grpc = new Door(() => this.#backends(namespace, name, ['grpc']));
      const endpoint = (async () => ({ http: await http.listen(ports.http), grpc: await grpc.listen(ports.grpc) }))();
      const added: Opened = { doors: [http, grpc], endpoint };
      opened = added;
      this.#doors.set(key, added);
      // What failed is tried anew the next time.
      endpoint.catch(() => {
        if (this.#doors.get(key) === added) this.close(namespace, name);
      });
    }
    return opened.endpoint;
  }

  /** The same for TorchServe's calls, of a deployment that has them. Returns `HOST:PORT`. */
  async openTorchServe(namespace: string, name: string): Promise<string> {
    await this.open(namespace, name);
    const opened = this.#doors.get(`${namespace}/${name}`);
    if (!opened) throw new Error(`the Service ${name} was closed while it was opened`);
    if (opened.torchServe === undefined) {
      const door = new Door(() => this.#backends(namespace, name, ['torchserve']));
      opened.doors.push(door);
      opened.torchServe = door.listen(ports.torchServe);
      opened.torchServe.catch(() => delete opened.torchServe);
    }
    return opened.torchServe;
  }

  close(namespace: string, name: string): void {
    const key = `${namespace}/${name}`;
    for (const door of this.#doors.get(key)?.doors ?? []) door.close();
    this.#doors.delete(key);
  }

  stop(): void {
    for (const { doors } of this.#doors.values()) for (const door of doors) door.close();
    this.#doors.clear();
  }

  #backends(namespace: string, name: string, portNames: readonly string[]): Backend[] {
    const service = this.#cluster.all(serviceKind, namespace).find(({ metadata }) => metadata.name === name);
    const { selector = {}, ports: own = [] } = (service?.spec ?? {}) as ServiceSpec;
    const port = own.find((each) => each.name !== undefined && portNames.includes(each.name));
    if (port === undefined) return [];
    const matches = labelMatcher(selectorText(selector));
    return this.#cluster
      .all(podKind, namespace)
      .filter((pod) => matches(pod.metadata.labels) && isAvailable(pod))
      .flatMap((pod) => {
        const host = (pod.status as PodStatus).podIP;
        const target = portNumber(pod.spec as PodSpec, port.targetPort ?? port.port);
        // A pod without a port of that name is none of the Service's endpoints.
        return host === undefined || Number.isNaN(target) ? [] : [{ host, port: target }];
      });
  }
}
