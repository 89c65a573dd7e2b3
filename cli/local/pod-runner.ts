import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { backoffMs } from '../../lib/backoff.ts';
import type { KubeObject } from '../../operator/kube/object.ts';
import { servingEnv } from '../../runtime/contract.ts';
import { trainingEnv } from '../../runtime/training-contract.ts';
import { CliError } from '../errors.ts';
import type { PodAddresses } from './addresses.ts';
import {
  containerEnv,
  type Folders,
  type Lookup,
  mountVolumes,
  podFolder,
  refreshVolumes,
  volumesFolder,
} from './pod-environment.ts';
import type { PodGuard } from './pod-guard.ts';
import {
  type ContainerSpec,
  type ContainerStatus,
  type PodCondition,
  type PodSpec,
  type PodStatus,
  portNumber,
  type ProbeSpec,
  type Terminated,
} from './pod.ts';
import { podStatus } from './pod-status.ts';
import { startProbe } from './probe.ts';
import { type Exit, PodProcess } from './process.ts';

export interface RunnerOptions {
  now: () => Date;
  random: () => number;
  /** Where `runtime/` lies: the working directory of a container. */
  appFolder: string;
  folders: Folders;
  addresses: PodAddresses;
  guard: PodGuard;
  lookup: Lookup;
  /** Of the person's own environment: what a program needs to run at all. */
  baseEnv: Record<string, string>;
  writeStatus: (pod: KubeObject, status: PodStatus) => void;
  onLine: (pod: KubeObject, line: string) => void;
}

/** Between restarts; a laptop's owner waits less patiently than a cluster's. */
const restartBackoff = { baseMs: 1_000, maxMs: 30_000, jitter: 0 };
/** A container that ran this long starts over with the shortest wait. */
const calmMs = 60_000;
/** How often an object is looked for that a pod cannot start without. */
const missingMs = 1_000;
/**
 * In place of the cluster's drain delay: the laptop's Service drops a pod before it is told to stop, so only requests on
 * open connections are still to come.
 */
const drainDelayMs = 1_000;
/** What a container may leave as its last words, as in Kubernetes. */
const maxMessageBytes = 4096;

/**
 * The life of one pod: a process that is probed, restarted with growing waits as its policy says, and stopped with its
 * grace period. The image is not run: the command runs from the folder of this program.
 *
 * Left out: more than one container, init containers, resource limits, and what a securityContext restricts.
 */
export class PodRunner {
  readonly #pod: KubeObject;
  readonly #options: RunnerOptions;
  readonly #spec: PodSpec;
  readonly #container: ContainerSpec;
  readonly #stop = new AbortController();
  readonly #startedAt: string;
  #address = '';
  #process: PodProcess | undefined;
  #state: ContainerStatus['state'] = { waiting: { reason: 'ContainerCreating' } };
  /** How the run before the present state ended. */
  #last: Terminated | undefined;
  #restarts = 0;
  #started = false;
  #ready = false;
  #isOver = false;
  #refreshed: Promise<void> = Promise.resolve();
  #conditions: PodCondition[] = [];
  /** Resolves when the pod was stopped, its process is gone and nothing of it is left. */
  readonly done: Promise<void>;

  constructor(pod: KubeObject, options: RunnerOptions) {
    this.#spec = pod.spec as PodSpec;
    const [container] = this.#spec.containers;
    if (container === undefined) throw new CliError('InvalidObject', `pod ${pod.metadata.name} has no container`);
    this.#pod = pod;
    this.#options = options;
    this.#container = container;
    this.#startedAt = this.#time();
    this.done = this.#live();
  }

  /** The process that runs now, for those who want to see it die. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Asks the process to stop, and kills it after the grace period, which a later call can only shorten. */
  stop(graceMs: number): Promise<void> {
    this.#process?.stop(graceMs);
    if (!this.#stopped()) {
      this.#stop.abort();
      this.#ready = false;
      this.#report();
    }
    return this.done;
  }

  /** Renews what mirrors ConfigMaps and Secrets: one renewal after the other, so that the last one has the last word. */
  refresh(): Promise<void> {
    this.#refreshed = this.#refreshed.then(() => this.#refresh());
    return this.#refreshed;
  }

  async #refresh(): Promise<void> {
    if (this.#address === '' || this.#stopped() || this.#isOver) return;
    const { folders, lookup } = this.#options;
    await refreshVolumes(this.#spec.volumes ?? [], volumesFolder(this.#pod, folders), lookup).catch(
      (error: unknown) => {
        // The pod may have been stopped, and its folder removed, meanwhile.
        if (!(error instanceof CliError) && !this.#stopped()) throw error;
      },
    );
  }

  async #live(): Promise<void> {
    let failures = 0;
    this.#report();
    while (!this.#stopped()) {
      const startMs = this.#options.now().getTime();
      const ended = await this.#runOnce();
      if (this.#stopped()) break;
      if (ended === undefined) {
        await this.#pause(missingMs);
      } else if (this.#startsAgain(ended)) {
        failures = this.#options.now().getTime() - startMs > calmMs ? 1 : failures + 1;
        await this.#backOff(failures, ended);
      } else {
        this.#isOver = true;
        this.#report();
        this.#releaseAddress();
        await this.#pause(Infinity);
      }
    }
    // Where the pod object still stands, it says how its process ended.
    this.#isOver = true;
    this.#report();
    this.#releaseAddress();
    await rm(podFolder(this.#pod, this.#options.folders), { recursive: true, force: true });
  }

  #stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  #startsAgain({ exitCode }: Terminated): boolean {
    const { restartPolicy = 'Always' } = this.#spec;
    return restartPolicy === 'Always' || (restartPolicy === 'OnFailure' && exitCode !== 0);
  }

  async #backOff(failures: number, ended: Terminated): Promise<void> {
    const waitMs = backoffMs(failures, restartBackoff, this.#options.random);
    const { name, namespace = '' } = this.#pod.metadata;
    const message = `back-off ${Math.round(waitMs / 1000)}s restarting failed container=${this.#container.name} pod=${name}_${namespace}`;
    this.#last = ended;
    this.#state = { waiting: { reason: 'CrashLoopBackOff', message } };
    this.#report();
    await this.#pause(waitMs);
    if (!this.#stopped()) this.#restarts += 1;
  }

  #releaseAddress(): void {
    if (this.#address !== '') this.#options.addresses.release(this.#address);
  }

  /** Where the last words of the process are expected. */
  #wordsFile(): string {
    return join(podFolder(this.#pod, this.#options.folders), 'termination-log');
  }

  /** The environment of the container, with everything in place that it points at. @throws CliError */
  async #prepare(): Promise<Record<string, string>> {
    const { folders, lookup, addresses, baseEnv } = this.#options;
    if (this.#address === '') this.#address = await addresses.take();
    const root = await mountVolumes(this.#pod, this.#container, folders, lookup);
    const env = containerEnv(this.#container, this.#pod, this.#address, lookup, root);
    await mkdir(podFolder(this.#pod, folders), { recursive: true });
    await writeFile(this.#wordsFile(), '');
    if (servingEnv.drainDelayMs in env) env[servingEnv.drainDelayMs] = String(drainDelayMs);
    const own = { [trainingEnv.hostsFile]: folders.hosts, [trainingEnv.terminationLog]: this.#wordsFile() };
    return { ...baseEnv, ...env, ...own };
  }

  /** How the process ended; undefined: it could not be started, and the state says why. */
  async #runOnce(): Promise<Terminated | undefined> {
    const { appFolder, guard, onLine } = this.#options;
    let env: Record<string, string>;
    try {
      env = await this.#prepare();
    } catch (error) {
      // A disk that is full, or a folder that cannot be made, may be put right.
      if (!(error instanceof CliError) && (error as NodeJS.ErrnoException).syscall === undefined) throw error;
      const { code, message } = error as CliError;
      const reason = code === 'MissingReference' ? 'CreateContainerConfigError' : 'CreateContainerError';
      this.#state = { waiting: { reason, message } };
      this.#report();
      return undefined;
    }
    if (this.#stopped()) return undefined;
    const [file = 'node', ...args] = [
      ...(this.#container.command ?? ['node', 'runtime/serve.ts']),
      ...(this.#container.args ?? []),
    ];
    const startedAt = this.#time();
    const running = new PodProcess({
      command: [file === 'node' ? process.execPath : file, ...args],
      cwd: appFolder,
      env,
      guard,
      onLine: (line) => onLine(this.#pod, line),
    });
    this.#process = running;
    this.#state = { running: { startedAt } };
    this.#report();
    const probing = this.#probe(running);
    const exit = await running.exited;
    probing.abort();
    [this.#started, this.#ready] = [false, false];
    const terminated = await this.#terminated(exit, startedAt, running.lastOutput);
    this.#state = { terminated };
    this.#process = undefined;
    this.#report();
    return terminated;
  }

  async #terminated({ exitCode, signal }: Exit, startedAt: string, output: string): Promise<Terminated> {
    const words = (await readFile(this.#wordsFile(), 'utf8').catch(() => '')).slice(0, maxMessageBytes);
    const fromOutput = this.#container.terminationMessagePolicy === 'FallbackToLogsOnError' && exitCode !== 0;
    const message = words === '' && fromOutput ? output : words;
    return {
      exitCode,
      ...(signal === undefined ? {} : { signal }),
      reason: exitCode === 0 ? 'Completed' : 'Error',
      ...(message === '' ? {} : { message }),
      startedAt,
      finishedAt: this.#time(),
    };
  }

  /** Startup first; then readiness and liveness, each at its own pace. */
  #probe(running: PodProcess): AbortController {
    const controller = new AbortController();
    const probe = (spec: ProbeSpec | undefined, onVerdict: (healthy: boolean) => void): void => {
      if (spec?.httpGet === undefined) {
        onVerdict(true);
        return;
      }
      const port = portNumber(this.#spec, spec.httpGet.port);
      startProbe({ probe: spec, host: this.#address, port, onVerdict }, controller.signal);
    };
    const killUnless = (healthy: boolean): void => {
      if (!healthy) running.stop((this.#graceSeconds() || 1) * 1000);
    };
    const startup = new AbortController();
    probe(this.#container.startupProbe, (healthy) => {
      killUnless(healthy);
      if (!healthy || startup.signal.aborted) return;
      startup.abort();
      this.#started = true;
      this.#report();
      probe(this.#container.readinessProbe, (ready) => {
        this.#ready = ready && !this.#stopped();
        this.#report();
      });
      probe(this.#container.livenessProbe, killUnless);
    });
    return controller;
  }

  #graceSeconds(): number {
    return this.#spec.terminationGracePeriodSeconds ?? 30;
  }

  /** Waits so long, or until the pod is stopped. */
  async #pause(delayMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const timer = delayMs === Infinity ? undefined : setTimeout(() => resolve(undefined), delayMs);
    const wake = (): void => resolve(undefined);
    this.#stop.signal.addEventListener('abort', wake);
    await promise;
    clearTimeout(timer);
    this.#stop.signal.removeEventListener('abort', wake);
  }

  #time(): string {
    return `${this.#options.now().toISOString().slice(0, 19)}Z`;
  }

  #report(): void {
    const status = podStatus(
      {
        container: this.#container,
        startedAt: this.#startedAt,
        ...(this.#address === '' ? {} : { address: this.#address }),
        state: this.#state,
        ...(this.#last === undefined ? {} : { last: this.#last }),
        restarts: this.#restarts,
        started: this.#started,
        ready: this.#ready,
        isOver: this.#isOver,
      },
      this.#conditions,
      this.#time(),
    );
    this.#conditions = status.conditions ?? [];
    this.#options.writeStatus(this.#pod, status);
  }
}
