import { randomBytes, randomUUID } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Log } from '../../lib/log.ts';
import { modelDeploymentKind } from '../../operator/controllers/kinds.ts';
import { clusterUrl } from '../../operator/controllers/model-deployment.ts';
import type { KubeClient } from '../../operator/kube/client.ts';
import type { KubeObject } from '../../operator/kube/object.ts';
import { CliError } from '../errors.ts';
import { runningSession, sessionFile, type SessionFile } from '../session-client.ts';
import { PodAddresses } from './addresses.ts';
import { crdAdmission } from './admission.ts';
import { LocalCluster } from './cluster.ts';
import { Control } from './control.ts';
import { type Devices, localDevices } from './devices.ts';
import { Kubelet } from './kubelet.ts';
import { startLocalOperator } from './operator.ts';
import { PodGuard } from './pod-guard.ts';
import { logSource, PodLogs } from './pod-logs.ts';
import { type Endpoint, Services } from './service.ts';
import { Workloads } from './workloads.ts';

export interface SessionOptions {
  /** `.modelyard`: volumes, the pods' folders, the session's file. */
  folder: string;
  /** Where `runtime/serve.ts` lies. */
  appFolder: string;
  /** Of the person: pods get what a program needs to run at all, and nothing else. */
  env: Readonly<Record<string, string | undefined>>;
  /** The number that tells sessions of one machine apart, such as the process id. */
  seed: number;
  /** True where every address of 127.0.0.0/8 can be used without further ado, as on Linux. */
  wholeLoopback: boolean;
  log: Log;
  onLine: (pod: KubeObject, line: string) => void;
}

const passedOn = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'NODE_EXTRA_CA_CERTS', 'LD_LIBRARY_PATH', 'CUDA_VISIBLE_DEVICES'];

/** Lines of log kept for each deployment and each job. */
const logLines = 5_000;

/** The longest path a unix socket can have on every system. */
const maxSocketPath = 100;

/** A cluster on a laptop: API server, workloads, node, Services and the operator, in this process, for as long as it lives. */
export class Session {
  readonly client: KubeClient;
  readonly cluster: LocalCluster;
  readonly kubelet: Kubelet;
  readonly #options: SessionOptions;
  readonly #workloads: Workloads;
  readonly #services: Services;
  readonly #guard = new PodGuard();
  readonly #control: Control;
  readonly #socket: string;
  #stopOperator: () => Promise<void> = () => Promise.resolve();

  private constructor(options: SessionOptions, devices: Devices) {
    this.#options = options;
    const now = (): Date => new Date();
    this.cluster = new LocalCluster({ now, uid: randomUUID, admission: crdAdmission });
    this.client = this.cluster.client('modelyard-cli');
    const logs = new PodLogs(logLines);
    this.#workloads = new Workloads(this.cluster, { now, suffix: () => randomBytes(3).toString('hex').slice(0, 5) });
    const { folder, appFolder, env, seed, wholeLoopback } = options;
    const prefix = wholeLoopback ? `127.${1 + (seed % 254)}.${Math.floor(seed / 254) % 256}` : '127.0.0';
    this.kubelet = new Kubelet(this.cluster, {
      now,
      random: Math.random,
      appFolder,
      devices,
      folders: {
        volumes: join(folder, 'volumes'),
        pods: join(folder, 'pods'),
        hosts: join(folder, 'pods', 'hosts.json'),
      },
      guard: this.#guard,
      addresses: new PodAddresses(prefix),
      baseEnv: Object.fromEntries(passedOn.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]]))),
      onLine: (pod, line) => {
        logs.add({ ...logSource(pod), text: line });
        options.onLine(pod, line);
      },
    });
    this.#services = new Services(this.cluster);
    const endpoint = (namespace: string, name: string): Promise<Endpoint> => this.endpoint(namespace, name);
    this.#control = new Control({ client: this.client, logs, apply: (object) => this.apply(object), endpoint });
    const socket = join(folder, 'session.sock');
    this.#socket = socket.length <= maxSocketPath ? socket : join(tmpdir(), `modelyard-${process.pid}.sock`);
  }

  /** @throws CliError SessionRunning */
  static async start(options: SessionOptions): Promise<Session> {
    const { folder } = options;
    await mkdir(folder, { recursive: true });
    const other = await runningSession(folder);
    if (other !== undefined) {
      const cure = 'stop it with Ctrl-C, or add to it with: modelyard apply -f FILE';
      throw new CliError('SessionRunning', `a session already runs in ${folder} (process ${other.pid}); ${cure}`);
    }
    await rm(join(folder, 'pods'), { recursive: true, force: true });
    const session = new Session(options, await localDevices(options.env));
    await session.#control.listen(session.#socket);
    const file: SessionFile = { pid: process.pid, socket: session.#socket };
    await writeFile(sessionFile(folder), JSON.stringify(file));
    session.#stopOperator = startLocalOperator({
      client: session.cluster.client('modelyard'),
      url: (namespace, name, isSecure) => session.#url(namespace, name, isSecure),
      log: options.log,
    });
    return session;
  }

  /** Applies one object; a ModelDeployment gets its address on this machine first. @throws KubeError */
  async apply(object: KubeObject): Promise<KubeObject> {
    const { namespace = 'default', name } = object.metadata;
    if (object.kind === modelDeploymentKind.kind)
      this.#urls.set(`${namespace}/${name}`, await this.endpoint(namespace, name));
    return this.client.apply({ ...object, metadata: { ...object.metadata, namespace } });
  }

  /** Where a deployment answers on this machine. */
  endpoint(namespace: string, name: string): Promise<Endpoint> {
    return this.#services.open(namespace, name);
  }

  /** Where TorchServe's calls of a deployment that has them are answered on this machine: `HOST:PORT`. */
  torchServe(namespace: string, name: string): Promise<string> {
    return this.#services.openTorchServe(namespace, name);
  }

  /** Ends everything. When it resolves, no process of the session is left. */
  async stop(): Promise<void> {
    await this.#stopOperator();
    this.#workloads.stop();
    this.#services.stop();
    await this.kubelet.stop();
    await this.#guard.close();
    this.#control.close();
    await rm(sessionFile(this.#options.folder), { force: true });
    await rm(this.#socket, { force: true });
    await rm(join(this.#options.folder, 'pods'), { recursive: true, force: true });
  }

  readonly #urls = new Map<string, Endpoint>();

  #url(namespace: string, name: string, isSecure: boolean): string {
    const endpoint = this.#urls.get(`${namespace}/${name}`);
    return endpoint === undefined
      ? clusterUrl(namespace, name, isSecure)
      : `${isSecure ? 'https' : 'http'}://${endpoint.http}`;
  }
}
