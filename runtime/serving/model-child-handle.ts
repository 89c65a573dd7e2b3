import { spawn, type ChildProcess } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { Log } from '../../lib/log.ts';
import { ModelFault, RequestError } from '../errors.ts';
import { movedSocket } from '../moved-socket.ts';
import { exactProducts } from '../onnx/exact-products.ts';
import { framesOf, readFrames, writeFrame } from './frames.ts';
import {
  parseChildMessage,
  runFrame,
  type ChildMessage,
  type LoadMessage,
  type RunRequest,
  type RunResult,
  type RunTimes,
} from './messages.ts';
import type { Signature } from './tensor.ts';

const program = fileURLToPath(new URL('./model-child.ts', import.meta.url));

/** What of the environment reaches a model process: where libraries and devices are, no name of ours, no credentials. */
const inherited = [
  'PATH',
  'LD_LIBRARY_PATH',
  'CUDA_VISIBLE_DEVICES',
  'NVIDIA_VISIBLE_DEVICES',
  'NVIDIA_DRIVER_CAPABILITIES',
  'NVIDIA_TF32_OVERRIDE',
  'TMPDIR',
];

export interface Loaded {
  signature: Signature;
  batchable: boolean;
}

export interface RunOutcome extends RunTimes {
  results: RunResult[];
}

type OnPhase = (phase: 'Loading' | 'WarmingUp') => void;

interface Waiter<T> {
  resolve: (value: T) => void;
  reject: (error: Error) => void;
}

/** One life of one model process, from spawn to exit. Runs one batch at a time. */
export class ModelChild {
  /** Settles once, when the process is gone, with what a person would call the cause. */
  readonly exited: Promise<string>;
  /** Settles when the process can take a model, or is gone. */
  readonly started: Promise<void>;
  readonly #process: ChildProcess;
  readonly #socket: Socket | undefined;
  readonly #log: Log;
  #onStarted: () => void = () => undefined;
  #loading: (Waiter<Loaded> & { onPhase: OnPhase }) | undefined;
  #running: (Waiter<RunOutcome> & { id: number; count: number }) | undefined;
  #lastId = 0;
  #gone = false;

  constructor(log: Log, environment: NodeJS.ProcessEnv) {
    this.#log = log;
    const given = Object.fromEntries(
      inherited.flatMap((name) => (environment[name] === undefined ? [] : [[name, environment[name]]])),
    );
    const env = { ...exactProducts, ...given };
    this.#process = spawn(process.execPath, [program], { env, stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });
    this.exited = new Promise((resolve) => {
      this.#process.once('error', (error) => resolve(this.#end(`it could not be started: ${error.message}`)));
      this.#process.once('exit', (code, signal) =>
        resolve(this.#end(signal ? `it was ended by ${signal}` : `it exited with code ${code ?? 0}`)),
      );
    });
    const ready = new Promise<void>((resolve) => (this.#onStarted = resolve));
    this.started = Promise.race([ready, this.exited.then(() => undefined)]);
    this.#yieldToFront();
    // Where this process has no descriptors left Node makes no pipes, and emits 'error' in a moment.
    const { stdio } = this.#process as { stdio?: ChildProcess['stdio'] };
    this.#socket = stdio && this.#reading(stdio[3] as Socket);
    this.#gone = !this.#socket;
    this.#socket?.on('error', (error) => this.#log.debug({ err: error }, 'the socket of the model process failed'));
    this.#socket?.once('close', () => (this.#gone = true));
    this.#forward(this.#process.stdout);
    this.#forward(this.#process.stderr);
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Rejects with ModelFault for a model that cannot be served, and with Error where the process died. */
  load(message: Omit<LoadMessage, 'type'>, onPhase: OnPhase): Promise<Loaded> {
    return new Promise((resolve, reject) => {
      this.#loading = { resolve, reject, onPhase };
      this.#send({ type: 'load', ...message }, []);
    });
  }

  /**
   * Rejects with RequestError `ModelCrashed` where the process dies before it answers.
   *
   * @param onSent the inputs have left: their memory is free
   */
  run(requests: readonly RunRequest[], onSent: () => void): Promise<RunOutcome> {
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId;
      this.#running = { id, count: requests.length, resolve, reject };
      const { header, buffers } = runFrame(id, requests);
      this.#send(header, buffers, onSent);
    });
  }

  /** False from the first sign of its end: what is sent then would be lost. */
  get alive(): boolean {
    return !this.#gone;
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }

  #reading(made: Socket): Socket {
    const frames = framesOf(
      (frame) => this.#receive(parseChildMessage(frame)),
      (error) => this.#abandon(error),
    );
    const moved = movedSocket(made, frames);
    if (!moved) readFrames(made, frames);
    return moved ?? made;
  }

  /** Probes, refusals and deadlines are answered first where both processes want the same core. */
  #yieldToFront(): void {
    const { pid } = this.#process;
    if (pid === undefined) return;
    try {
      setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL);
    } catch (error) {
      this.#log.debug({ err: error }, 'the model process keeps its priority');
    }
  }

  #send(header: object, buffers: Uint8Array[], onSent?: () => void): void {
    if (this.#gone || !this.#socket) this.#failWaiters('it is gone');
    else writeFrame(this.#socket, header, buffers, onSent);
  }

  #receive(message: ChildMessage): void {
    const loading = this.#loading;
    switch (message.type) {
      case 'started':
        this.#onStarted();
        return;
      case 'phase':
        loading?.onPhase(message.phase);
        return;
      case 'loaded':
        this.#loading = undefined;
        loading?.resolve(message);
        return;
      case 'fault':
        this.#loading = undefined;
        loading?.reject(new ModelFault(message.fault));
        return;
      case 'result': {
        const running = this.#running;
        if (running?.id !== message.id || running.count !== message.results.length)
          throw new Error('an answer to no question');
        this.#running = undefined;
        running.resolve(message);
      }
    }
  }

  /** A model process that speaks nonsense may have been taken over by its model. */
  #abandon(error: Error): void {
    this.#log.error({ err: error }, 'the model process broke the protocol and is killed');
    this.kill();
  }

  #end(cause: string): string {
    this.#gone = true;
    this.#failWaiters(cause);
    return cause;
  }

  #failWaiters(cause: string): void {
    this.#loading?.reject(new Error(`the model process died while it loaded the model: ${cause}`));
    this.#running?.reject(
      // Without a Retry-After: the same request may be what killed it.
      new RequestError('ModelCrashed', 'the model process died while it ran this request; it is being replaced'),
    );
    this.#loading = undefined;
    this.#running = undefined;
  }

  #forward(stream: NodeJS.ReadableStream | null): void {
    stream?.on('data', (chunk: Buffer) => {
      const text = chunk.toString().trim().slice(0, 4000);
      if (text) this.#log.warn({ pid: this.pid, output: text }, 'output of the model process');
    });
  }
}
