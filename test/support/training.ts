import { createHash, randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { adminPaths, servingEnv } from '../../runtime/contract.ts';
import {
  trainingEnv,
  trainingPorts,
  type TrainingOutcome,
  type TrainingReport,
  type TrainingRole,
} from '../../runtime/training-contract.ts';
import { eventually } from './eventually.ts';
import { startSupervisor, type Exit } from './supervisor.ts';
import { jobIn, pointsOfClasses, type JobChanges } from './training-job.ts';
import type { TrainingFaultPoint } from './training-main.ts';

const main = fileURLToPath(new URL('training-main.ts', import.meta.url));

/** A pod kills itself when it comes to this place for the first time. */
export interface PlannedFault {
  pod: string;
  point: TrainingFaultPoint;
  /** Or later. */
  step: number;
}

export interface ClusterOptions {
  servers: number;
  workers: number;
  job?: JobChanges;
  /** Of the file data.csv. */
  data?: string;
  faults?: readonly PlannedFault[];
  /** The program of workers, where it is not that of all pods. */
  workerMain?: string;
  /** Of a pod, beside what every pod has. */
  environment?: (pod: string) => Record<string, string>;
}

interface Pod {
  name: string;
  role: TrainingRole;
  index: number;
  host: string;
  /** Whether it is started again when it dies. */
  isWanted: boolean;
  exited: Promise<Exit>;
}

/** What came of a job. */
export interface Result {
  outcome: TrainingOutcome;
  /** In HEX, of what the version's manifest says: the sha256 of the models and of the curve, the metrics, the digest of the data. */
  sha256: string;
  /** The last that server 0 reported. */
  report: TrainingReport;
}

export const serverName = (index: number): string => `job-ps-${index}`;
export const workerName = (index: number): string => `job-worker-${index}`;

/** What a kubelet waits before it starts a container again. */
const restartMs = 100;
const pollMs = 50;

/**
 * The pods of a training job as processes of this machine, each on a loopback address of its own. One that dies is started again,
 * as a kubelet does.
 */
export class TrainingCluster {
  readonly folder: string;
  /** Pods that died without being asked to, and how, in order. */
  readonly deaths: string[] = [];
  readonly #supervisor = startSupervisor();
  readonly #pods = new Map<string, Pod>();
  readonly #faults: PlannedFault[];
  readonly #servers: number;
  readonly #ownEnvironment: (pod: string) => Record<string, string>;
  readonly #mains: Record<TrainingRole, string>;
  readonly #subnet = `127.${randomInt(1, 255)}.${randomInt(1, 255)}`;
  #lastReport: TrainingReport | undefined;

  private constructor(folder: string, options: ClusterOptions) {
    const { servers, faults = [], environment = () => ({}), workerMain = main } = options;
    this.folder = folder;
    this.#servers = servers;
    this.#faults = [...faults];
    this.#ownEnvironment = environment;
    this.#mains = { ParameterServer: main, Worker: workerMain };
  }

  static async start(options: ClusterOptions): Promise<TrainingCluster> {
    const folder = await mkdtemp(join(tmpdir(), 'modelyard-training-'));
    const cluster = new TrainingCluster(folder, options);
    await cluster.#supervisor.removeAtEnd(folder);
    await mkdir(join(folder, 'output'));
    await writeFile(join(folder, 'data.csv'), options.data ?? pointsOfClasses());
    await writeFile(join(folder, 'job.json'), JSON.stringify(jobIn(folder, options.job)));
    const servers = Array.from({ length: options.servers }, (_, index) => cluster.#add('ParameterServer', index));
    await Promise.all(servers);
    await cluster.resize(options.workers);
    return cluster;
  }

  /** Takes away workers, or adds some. Those that go are told to stop. */
  async resize(workers: number): Promise<void> {
    const present = [...this.#pods.values()].filter(({ role }) => role === 'Worker');
    await Promise.all(present.filter(({ index }) => index >= workers).map(({ name }) => this.#remove(name)));
    for (let index = present.length; index < workers; index++) await this.#add('Worker', index);
  }

  /** Tells all pods to stop, and gives their exit codes once they did. */
  async suspend(): Promise<(number | null)[]> {
    const exits = [...this.#pods.keys()].map((name) => this.#remove(name));
    return (await Promise.all(exits)).map(({ code }) => code);
  }

  async resume(workers: number): Promise<void> {
    await rm(this.#words(serverName(0)), { force: true });
    this.#lastReport = undefined;
    for (let index = 0; index < this.#servers; index++) await this.#add('ParameterServer', index);
    await this.resize(workers);
  }

  async kill(name: string): Promise<void> {
    await this.#supervisor.stop(name, 'SIGKILL');
  }

  /** What the admin port of a pod answers; undefined where nobody listens. */
  async get(name: string, path: string): Promise<Response | undefined> {
    const { host } = this.#pod(name);
    return fetch(`http://${host}:${trainingPorts.admin}${path}`).catch(() => undefined);
  }

  async report(name: string): Promise<TrainingReport | undefined> {
    const answer = await this.get(name, adminPaths.report);
    return (await answer?.json().catch(() => undefined)) as TrainingReport | undefined;
  }

  /** Waits until so many steps are done. */
  async reached(step: number, withinMs = 60_000): Promise<void> {
    const check = async (): Promise<void> => {
      const report = await this.report(serverName(0));
      if (!report?.job || report.job.step < step) throw new Error(`${JSON.stringify(report)} ${await this.log()}`);
    };
    await eventually(check, withinMs, pollMs);
  }

  /** Waits until the job is over. */
  async result(withinMs = 90_000): Promise<Result> {
    const coordinator = serverName(0);
    const check = async (): Promise<void> => {
      this.#lastReport = (await this.report(coordinator)) ?? this.#lastReport;
      if (!existsSync(this.#words(coordinator)) || !this.#lastReport?.outcome)
        throw new Error(`not over: ${JSON.stringify(this.#lastReport)} ${this.deaths.join(', ')} ${await this.log()}`);
    };
    await eventually(check, withinMs, pollMs);
    await this.exitOf(coordinator);
    const outcome = JSON.parse(await this.wordsOf(coordinator)) as TrainingOutcome;
    if (!this.#lastReport) throw new Error('server 0 never reported');
    return { outcome, sha256: await versionDigest(outcome), report: this.#lastReport };
  }

  /** How a pod ended that nobody told to; of one that was started again, the last time. */
  exitOf(name: string): Promise<Exit> {
    return this.#pod(name).exited;
  }

  /** The last words of a pod. */
  async wordsOf(name: string): Promise<string> {
    return readFile(this.#words(name), 'utf8');
  }

  /** The end of what each pod said. */
  async log(): Promise<string> {
    const names = [...this.#pods.keys()];
    const logs = await Promise.all(
      names.map((name) => readFile(join(this.folder, `${name}.log`), 'utf8').catch(() => '')),
    );
    return names.map((name, index) => `\n--- ${name}\n${(logs[index] ?? '').slice(-3_000)}`).join('');
  }

  /** Ends all pods and removes the folder. */
  async end(): Promise<void> {
    for (const pod of this.#pods.values()) pod.isWanted = false;
    await this.#supervisor.end();
  }

  async #add(role: TrainingRole, index: number): Promise<void> {
    const name = role === 'Worker' ? workerName(index) : serverName(index);
    const host = `${this.#subnet}.${(role === 'Worker' ? 100 : 10) + index}`;
    const pod: Pod = { name, role, index, host, isWanted: true, exited: Promise.resolve({ code: null, signal: null }) };
    this.#pods.set(name, pod);
    const hosts = [...this.#pods.values()].map((known) => [known.name, known.host]);
    await writeFile(join(this.folder, 'hosts.json'), JSON.stringify(Object.fromEntries(hosts)));
    await this.#start(pod);
  }

  async #start(pod: Pod): Promise<void> {
    const { name, role } = pod;
    const at = this.#faults.findIndex((fault) => fault.pod === name);
    const fault = at === -1 ? undefined : this.#faults.splice(at, 1)[0];
    const log = join(this.folder, `${name}.log`);
    const env = { ...this.#environment(pod), ...(fault && { TEST_FAULT: `${fault.point}:${fault.step}` }) };
    const { exited } = await this.#supervisor.start({ name, argv: [process.execPath, this.#mains[role]], log, env });
    pod.exited = exited;
    void exited.then((exit) => this.#mourn(pod, exit));
  }

  async #mourn(pod: Pod, { code, signal }: Exit): Promise<void> {
    if (!pod.isWanted || code === 0) return;
    this.deaths.push(`${pod.name} ${signal ?? code}`);
    if (signal === null && code !== 1) return;
    await delay(restartMs);
    await this.#restart(pod);
  }

  async #restart(pod: Pod): Promise<void> {
    if (pod.isWanted) await this.#start(pod);
  }

  async #remove(name: string): Promise<Exit> {
    const pod = this.#pod(name);
    pod.isWanted = false;
    await this.#supervisor.stop(name);
    this.#pods.delete(name);
    return pod.exited;
  }

  #pod(name: string): Pod {
    const pod = this.#pods.get(name);
    if (!pod) throw new Error(`there is no ${name}`);
    return pod;
  }

  #words(name: string): string {
    return join(this.folder, `${name}.words`);
  }

  #environment({ name, role, index, host }: Pod): Record<string, string> {
    const servers = Array.from({ length: this.#servers }, (_, server) => serverName(server));
    return {
      [trainingEnv.role]: role,
      [trainingEnv.index]: String(index),
      [trainingEnv.jobFile]: join(this.folder, 'job.json'),
      [trainingEnv.parameterServers]: servers.map((server) => `${server}:${trainingPorts.transport}`).join(','),
      [trainingEnv.hostsFile]: join(this.folder, 'hosts.json'),
      [trainingEnv.terminationLog]: this.#words(name),
      [servingEnv.podIp]: host,
      [servingEnv.podName]: name,
      [servingEnv.cacheDir]: join(this.folder, `${name}.cache`),
      [servingEnv.allowFileUris]: 'true',
      [servingEnv.logLevel]: 'debug',
      ...this.#ownEnvironment(name),
    };
  }
}

/** Of all that the manifest says but for where the data lie. */
async function versionDigest({ output }: TrainingOutcome): Promise<string> {
  if (!output) return '';
  const text = await readFile(new URL('../manifest.json', `${output.uri}/`), 'utf8');
  const { data, ...manifest } = JSON.parse(text) as { data: object };
  const rest = JSON.stringify({ ...manifest, data: { ...data, uri: '' } });
  return createHash('sha256').update(rest).digest('hex');
}
