import { setTimeout as sleep } from 'node:timers/promises';
import { encodeTensor, type TensorDataType, type TensorElements, type TensorValues } from '../lib/tensor-codec.ts';
import type { ClientAccess } from './access.ts';
import { ModelClientError } from './errors.ts';
import { grpcTransport } from './grpc.ts';
import { restTransport } from './rest.ts';
import { textAnswersOf, type TextAnswer } from './text-answers.ts';
import {
  decoded,
  Refused,
  type CallOptions,
  type ModelMetadata,
  type Prediction,
  type RawTensor,
  type Transport,
} from './transport.ts';

export interface TensorInput {
  dataType: TensorDataType;
  shape: readonly number[];
  /** Row-major. */
  data: TensorElements;
}

export interface TensorOutput {
  dataType: TensorDataType;
  shape: number[];
  data: TensorValues;
}

export interface PredictOptions {
  signal?: AbortSignal;
  /** How long to wait, retries included; 30 s unless told otherwise. */
  timeoutMs?: number;
  /** Appears in the server's log. */
  requestId?: string;
}

export interface ModelClientOptions extends ClientAccess {
  /** The ModelDeployment's name, or where it serves several models the name of one of them. */
  model: string;
  /** Tries after the first; 3 unless told otherwise. */
  retries?: number;
}

const isTexts = (input: readonly string[] | Record<string, TensorInput>): input is readonly string[] =>
  Array.isArray(input);

const defaultTimeoutMs = 30_000;
const firstDelayMs = 100;

/** Calls one model over the Open Inference Protocol. Rejects with ModelClientError. */
export class ModelClient {
  readonly #transport: Transport;
  readonly #retries: number;

  private constructor(transport: Transport, options: ModelClientOptions) {
    this.#transport = transport;
    this.#retries = options.retries ?? 3;
  }

  /** `url` is the server's, such as http://digits.default.svc. */
  static rest(url: string, options: ModelClientOptions): ModelClient {
    return new ModelClient(restTransport(url, options.model, options), options);
  }

  /** `address` is HOST:PORT. */
  static grpc(address: string, options: ModelClientOptions): ModelClient {
    return new ModelClient(grpcTransport(address, options.model, options), options);
  }

  /** A JPEG or PNG, classified: labels by falling score. */
  predict(image: Uint8Array, options?: PredictOptions): Promise<Prediction[]>;
  /** A text, and what the deployment's task makes of it. */
  predict(text: string, options?: PredictOptions): Promise<TextAnswer>;
  /** The same of several texts, in their order. */
  predict(texts: readonly string[], options?: PredictOptions): Promise<TextAnswer[]>;
  /** The model's tensors by name. */
  predict(tensors: Record<string, TensorInput>, options?: PredictOptions): Promise<Record<string, TensorOutput>>;
  async predict(
    input: Uint8Array | string | readonly string[] | Record<string, TensorInput>,
    options: PredictOptions = {},
  ): Promise<Prediction[] | TextAnswer | TextAnswer[] | Record<string, TensorOutput>> {
    if (input instanceof Uint8Array) return this.#call(options, (call) => this.#transport.predictImage(input, call));
    if (typeof input === 'string') {
      const [answer] = await this.#predictTexts([input], options);
      if (!answer) throw new ModelClientError('ProtocolError', 'the model does not answer the text');
      return answer;
    }
    if (isTexts(input)) return this.#predictTexts(input, options);
    return this.#infer(input, options);
  }

  metadata(options: PredictOptions = {}): Promise<ModelMetadata> {
    return this.#call(options, (call) => this.#transport.metadata(call));
  }

  /** Whether the model can run now. */
  ready(options: PredictOptions = {}): Promise<boolean> {
    return this.#call(options, (call) => this.#transport.ready(call));
  }

  close(): Promise<void> {
    return this.#transport.close();
  }

  async #predictTexts(texts: readonly string[], options: PredictOptions): Promise<TextAnswer[]> {
    const text: RawTensor = {
      name: 'text',
      dataType: 'BYTES',
      shape: [texts.length],
      data: encodeTensor('BYTES', texts),
    };
    return textAnswersOf(await this.#call(options, (call) => this.#transport.infer([text], call)), texts.length);
  }

  async #infer(tensors: Record<string, TensorInput>, options: PredictOptions): Promise<Record<string, TensorOutput>> {
    const inputs = Object.entries(tensors).map(([name, { dataType, shape, data }]) => {
      try {
        return { name, dataType, shape: [...shape], data: encodeTensor(dataType, data) };
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        throw new ModelClientError('InvalidArgument', `${name}: ${why}`, { cause: error });
      }
    });
    const outputs = await this.#call(options, (call) => this.#transport.infer(inputs, call));
    return Object.fromEntries(
      outputs.map(({ name, dataType, shape, data }) => [
        name,
        { dataType, shape, data: decoded(name, dataType, data) },
      ]),
    );
  }

  /** Tries again only what the server refused before it began. */
  async #call<T>(options: PredictOptions, send: (call: CallOptions) => Promise<T>): Promise<T> {
    const deadlineMs = performance.now() + (options.timeoutMs ?? defaultTimeoutMs);
    for (let tries = 0; ; tries++) {
      const timeoutMs = Math.max(1, Math.ceil(deadlineMs - performance.now()));
      const timeout = AbortSignal.timeout(timeoutMs);
      const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
      try {
        return await send({ signal, timeoutMs, requestId: options.requestId });
      } catch (error) {
        if (options.signal?.aborted)
          throw new ModelClientError('Cancelled', 'the call was cancelled', { cause: error });
        if (timeout.aborted) throw new ModelClientError('DeadlineExceeded', 'no answer came in time', { cause: error });
        if (!(error instanceof Refused)) throw error;
        const waitMs = Math.max(error.retryAfterMs ?? 0, firstDelayMs * 2 ** tries);
        if (tries >= this.#retries || performance.now() + waitMs >= deadlineMs) throw error.error;
        await sleep(waitMs, undefined, { signal }).catch(() => undefined);
        if (options.signal?.aborted)
          throw new ModelClientError('Cancelled', 'the call was cancelled', { cause: error });
      }
    }
  }
}
