import { rm } from 'node:fs/promises';
import { backoffMs } from '../../lib/backoff.ts';
import type { KubeObject } from '../../operator/kube/object.ts';
import { ports, servingEnv } from '../../runtime/contract.ts';
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
import type { ContainerSpec, ContainerStatus, PodCondition, PodSpec, PodStatus, ProbeSpec, Terminated } from './pod.ts';
import { startProbe } from './probe.ts';
import { type Exit, PodProcess } from './process.ts';

export interface RunnerOptions {
  now: () => Date;
  random: () => number;
  /** Where `runtime/serve.ts` lies: the working directory of a container. */
  appFolder: string;
  folders: Folders;
  addresses: PodAddresses;
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

/**
 * The life of one pod: a process that is probed, restarted with growing waits, and stopped with its grace period. The
 * image is not run: the command runs from the folder of this program.
 *
 * Left out: more than one container, init containers, resource limits, and what a securityContext restricts.
 */
export class PodRunner {
  readonly #pod: KubeObject;
  readonly #options: RunnerOptions;
  readonly #container: ContainerSpec;
  readonly #stop = new AbortController();
  readonly #startedAt: string;
  #address = '';
  #process: PodProcess | undefined;
  #state: ContainerStatus['state'] = { waiting: { reason: 'ContainerCreating' } };
  #last: Terminated | undefined;
  #restarts = 0;
  #started = false;
  #ready = false;
  #refreshed: Promise<void> = Promise.resolve();
  #conditions: PodCondition[] = [];
  /** Resolves when the process is gone and nothing of the pod is left. */
  readonly done: Promise<void>;

  constructor(pod: KubeObject, options: RunnerOptions) {
    const [container] = (pod.spec as PodSpec).containers;
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

  /** Asks the process to stop, and kills it after the grace period. */
  stop(graceMs: number): Promise<void> {
    if (!this.#stop.signal.aborted) {
      this.#stop.abort();
      this.#ready = false;
      void this.#process?.stop(graceMs);
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
    if (this.#address === '' || this.#stop.signal.aborted) return;
    const { folders, lookup } = this.#options;
    await refreshVolumes((this.#pod.spec as PodSpec).volumes ?? [], volumesFolder(this.#pod, folders), lookup).catch(
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
      const started = await this.#runOnce();
      if (this.#stopped()) break;
      if (!started) {
        await this.#pause(missingMs);
        continue;
      }
      failures = this.#options.now().getTime() - startMs > calmMs ? 1 : failures + 1;
      const waitMs = backoffMs(failures, restartBackoff, this.#options.random);
      const { name, namespace = '' } = this.#pod.metadata;
      const message = `back-off ${Math.round(waitMs / 1000)}s restarting failed container=${this.#container.name} pod=${name}_${namespace}`;
      this.#state = { waiting: { reason: 'CrashLoopBackOff', message } };
      this.#report();
      await this.#pause(waitMs);
      this.#restarts += 1;
    }
    if (this.#address !== '') this.#options.addresses.release(this.#address);
    await rm(podFolder(this.#pod, this.#options.folders), { recursive: true, force: true });
  }

  #stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  /** False: it could not be started; the state says why. */
  async #runOnce(): Promise<boolean> {
    const { folders, lookup, baseEnv, appFolder, addresses, onLine } = this.#options;
    let env: Record<string, string>;
    try {
      if (this.#address === '') this.#address = await addresses.take();
      const root = await mountVolumes(this.#pod, this.#container, folders, lookup);
      env = containerEnv(this.#container, this.#pod, this.#address, lookup, root);
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      const reason = error.code === 'MissingReference' ? 'CreateContainerConfigError' : 'CreateContainerError';
      this.#state = { waiting: { reason, message: error.message } };
      this.#report();
      return false;
    }
    if (this.#stopped()) return false;
    if (servingEnv.drainDelayMs in env) env[servingEnv.drainDelayMs] = String(drainDelayMs);
    const command = [...(this.#container.command ?? ['node', 'runtime/serve.ts']), ...(this.#container.args ?? [])];
    const [file = 'node', ...args] = command;
    const startedAt = this.#time();
    const onOutput = (line: string): void => onLine(this.#pod, line);
    const own = { ...baseEnv, ...env };
    this.#process = new PodProcess([file === 'node' ? process.execPath : file, ...args], appFolder, own, onOutput);
    this.#state = { running: { startedAt } };
    this.#report();
    const probing = this.#probe(this.#process);
    const exit = await this.#process.exited;
    probing.abort();
    [this.#started, this.#ready] = [false, false];
    this.#last = this.#terminated(exit, startedAt, this.#process.lastOutput);
    this.#state = { terminated: this.#last };
    this.#process = undefined;
    this.#report();
    return true;
  }

  #terminated({ exitCode, signal }: Exit, startedAt: string, output: string): Terminated {
    return {
      exitCode,
      ...(signal === undefined ? {} : { signal }),
      reason: exitCode === 0 ? 'Completed' : 'Error',
      ...(exitCode === 0 || output === '' ? {} : { message: output }),
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
      const { port } = spec.httpGet;
      const number = typeof port === 'number' ? port : port in ports ? ports[port as keyof typeof ports] : Number(port);
      startProbe({ probe: spec, host: this.#address, port: number, onVerdict }, controller.signal);
    };
    const killUnless = (healthy: boolean): void => {
      if (!healthy) void running.stop((this.#graceSeconds() || 1) * 1000);
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
    return (this.#pod.spec as PodSpec).terminationGracePeriodSeconds ?? 30;
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, delayMs);
      this.#stop.signal.addEventListener('abort', () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #time(): string {
    return `${this.#options.now().toISOString().slice(0, 19)}Z`;
  }

  #report(): void {
    const condition = (type: PodCondition['type'], holds: boolean): PodCondition => {
      const status = holds ? 'True' : 'False';
      const old = this.#conditions.find((known) => known.type === type && known.status === status);
      return { type, status, lastTransitionTime: old?.lastTransitionTime ?? this.#time() };
    };
    this.#conditions = [
      condition('PodScheduled', true),
      condition('Initialized', true),
      condition('ContainersReady', this.#ready),
      condition('Ready', this.#ready),
    ];
    this.#options.writeStatus(this.#pod, {
      phase: this.#address === '' || this.#isWaiting() ? 'Pending' : 'Running',
      startTime: this.#startedAt,
      ...(this.#address === '' ? {} : { podIP: this.#address, podIPs: [{ ip: this.#address }] }),
      conditions: this.#conditions,
      containerStatuses: [
        {
          name: this.#container.name,
          ready: this.#ready,
          started: this.#started,
          restartCount: this.#restarts,
          image: this.#container.image,
          imageID: '',
          state: this.#state,
          ...(this.#last === undefined ? {} : { lastState: { terminated: this.#last } }),
        },
      ],
    });
  }

  /** Has never run. */
  #isWaiting(): boolean {
    return this.#last === undefined && this.#state.waiting !== undefined;
  }
}
