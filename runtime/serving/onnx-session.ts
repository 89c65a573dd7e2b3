import type * as Ort from 'onnxruntime-node';
import type { DataType } from '../contract.ts';
import { ModelFault, RequestError } from '../errors.ts';
import { cudaUnavailable, isCudaUnavailable, isDeviceLost } from '../onnx/cuda-errors.ts';
import { isOutOfMemory, runtimeErrorText } from '../onnx/runtime-error-text.ts';
import { batchKey, mergeRequests, splitOutputs } from './batch.ts';
import { encodeElements } from './elements.ts';
import type { LoadMessage, RunRequest } from './messages.ts';
import { nearlyEqual } from './nearly-equal.ts';
import { fromOrt, signatureOf, toOrt } from './ort-tensors.ts';
import { elementCount, type Signature, type Tensor } from './tensor.ts';

/** The binding knows no Float16Array (onnxruntime-node 1.30) and takes 16-bit words instead where there is none. */
export async function importOrt(): Promise<typeof Ort> {
  Reflect.deleteProperty(globalThis, 'Float16Array');
  return import('onnxruntime-node');
}

/** The GPU serves this process no more; another process may have it. */
export class DeviceLost extends Error {
  override readonly name = 'DeviceLost';
}

/** A loaded model. `run` blocks this thread for as long as the model takes. */
export class OnnxSession {
  readonly signature: Signature;
  readonly #ort: typeof Ort;
  readonly #session: Ort.InferenceSession;
  readonly #provider: LoadMessage['executionProvider'];

  private constructor(ort: typeof Ort, session: Ort.InferenceSession, provider: LoadMessage['executionProvider']) {
    this.#ort = ort;
    this.#session = session;
    this.#provider = provider;
    this.signature = sessionSignature(session);
  }

  /** Throws ModelFault. */
  static async load(message: LoadMessage): Promise<OnnxSession> {
    const ort = await importOrt();
    ort.env.logLevel = 'error';
    const session = await ort.InferenceSession.create(message.modelPath, {
      executionProviders: [message.executionProvider],
      intraOpNumThreads: message.threads,
      interOpNumThreads: 1,
      // Threads that spin between runs take the CPU from the process that answers, and from other pods: a small model costs
      // seven times the CPU.
      extra: { session: { intra_op: { allow_spinning: '0' } } },
      logSeverityLevel: 3,
    }).catch((error: unknown) => Promise.reject(loadFault(error, message)));
    return new OnnxSession(ort, session, message.executionProvider);
  }

  /** Throws RequestError, and DeviceLost where no later run can succeed. */
  async run({ inputs, outputs }: RunRequest): Promise<Tensor[]> {
    const names = outputs ?? this.#session.outputNames;
    try {
      const feeds = Object.fromEntries(inputs.map((input) => [input.name, toOrt(this.#ort.Tensor, input)]));
      const results = await this.#session.run(feeds, names);
      return names.map((name) => {
        const tensor = results[name];
        if (!tensor) throw new Error(`the model gave no output ${name}`);
        return fromOrt(name, tensor);
      });
    } catch (error) {
      throw runError(error, this.#provider);
    }
  }

  /**
   * Whether requests may be merged: every first dimension is dynamic, and two different requests give the same apart
   * and together. A model that mixes its rows, such as one that normalises over axis 0, fails this.
   */
  async mergesRows(): Promise<boolean> {
    const { inputs, outputs } = this.signature;
    if (inputs.length === 0 || [...inputs, ...outputs].some(({ shape }) => shape[0] !== -1)) return false;
    try {
      const requests = [probeRequest(this.signature, 1), probeRequest(this.signature, 2)];
      if (requests.some((request) => batchKey(request) === undefined)) return false;
      const { merged, rows } = mergeRequests(requests);
      const together = splitOutputs(await this.run(merged), rows);
      if (!together) return false;
      const apart = [];
      for (const request of requests) apart.push(await this.run(request));
      return apart.every((expected, index) =>
        expected.every((tensor, output) => agree(tensor, together[index]?.[output])),
      );
    } catch (error) {
      if (error instanceof RequestError) return false;
      throw error;
    }
  }
}

/** Zeros, each dynamic dimension 1. */
export function zeros(signature: Signature): RunRequest {
  return exampleRequest(signature, 1, () => 0);
}

/** One row, or as many, whose elements differ from each other and between seeds; whole numbers are 0 and 1. */
function probeRequest(signature: Signature, seed: number): RunRequest {
  return exampleRequest(signature, seed, (index) => {
    const mixed = Math.sin(index * 12.9898 + seed * 78.233) * 43758.5453;
    return 0.1 + 0.8 * (mixed - Math.floor(mixed));
  });
}

/** @param value of an element, from 0 to below 1 */
function exampleRequest({ inputs }: Signature, rows: number, value: (index: number) => number): RunRequest {
  return {
    inputs: inputs.map(({ name, dataType, shape: declared }) => {
      const shape = declared.map((dimension, axis) => (dimension !== -1 ? dimension : axis === 0 ? rows : 1));
      const count = Number(elementCount(shape));
      const values = Array.from({ length: count }, (_, index) => exampleValue(dataType, value(index)));
      return { name, dataType, shape, data: encodeElements(values, dataType, [count], count, name) };
    }),
  };
}

function exampleValue(dataType: DataType, value: number): unknown {
  if (dataType === 'BYTES') return value === 0 ? '' : String(Math.round(value));
  if (dataType === 'BOOL') return value >= 0.5;
  return dataType.startsWith('FP') ? value : Math.round(value);
}

function agree(expected: Tensor, actual: Tensor | undefined): boolean {
  if (actual?.shape.join() !== expected.shape.join()) return false;
  if (expected.dataType !== 'FP32' && expected.dataType !== 'FP64')
    return Buffer.compare(expected.data, actual.data) === 0;
  const read = ({ data }: Tensor): Float32Array | Float64Array => {
    const { buffer } = Uint8Array.from(data);
    return expected.dataType === 'FP32' ? new Float32Array(buffer) : new Float64Array(buffer);
  };
  return nearlyEqual(read(expected), read(actual));
}

function sessionSignature(session: Ort.InferenceSession): Signature {
  const all = (metadata: readonly Ort.InferenceSession.ValueMetadata[], kind: string): Signature['inputs'] =>
    metadata.map((value) => {
      const signature = signatureOf(value);
      if (signature) return signature;
      const what = value.isTensor ? `has the element type ${value.type}` : 'is no tensor';
      const message = `The model's ${kind} ${JSON.stringify(value.name)} ${what}; convert it to one that ONNX Runtime's tensors and the Open Inference Protocol share.`;
      throw new ModelFault({ reason: 'UnsupportedModel', message, retrying: false });
    });
  return { inputs: all(session.inputMetadata, 'input'), outputs: all(session.outputMetadata, 'output') };
}

function loadFault(error: unknown, { executionProvider }: LoadMessage): ModelFault {
  const text = error instanceof Error ? error.message : String(error);
  const cuda = executionProvider === 'cuda';
  if (isOutOfMemory(text)) {
    const cure = cuda ? 'use a GPU with more memory, or raise' : 'raise';
    const message = `The model does not fit the memory of the ${cuda ? 'GPU or of the ' : ''}pod; ${cure} spec.resources.limits.memory.`;
    return new ModelFault({ reason: 'OutOfMemory', message, retrying: true });
  }
  if (cuda && isCudaUnavailable(text)) {
    const message = cudaUnavailable(runtimeErrorText(error));
    return new ModelFault({ reason: 'AcceleratorUnavailable', message, retrying: true });
  }
  const unsupported = /^Unsupported data type: (\d+)$/.exec(text);
  if (unsupported) {
    const type = unsupported[1] === '16' ? 'BFLOAT16' : `number ${unsupported[1] ?? ''}`;
    const message = `An input or output has the ONNX element type ${type}, which cannot be served; convert it to FLOAT or FLOAT16.`;
    return new ModelFault({ reason: 'UnsupportedModel', message, retrying: false });
  }
  return new ModelFault({
    reason: 'InvalidModel',
    message: `ONNX Runtime refuses the model: ${runtimeErrorText(error)}`,
    retrying: false,
  });
}

function runError(error: unknown, provider: LoadMessage['executionProvider']): RequestError | DeviceLost {
  const text = error instanceof Error ? error.message : String(error);
  if (isOutOfMemory(text)) return new RequestError('ModelFailed', 'the model ran out of memory');
  // The text has names of the model in it, which may be any.
  if (provider === 'cuda' && isDeviceLost(text)) return new DeviceLost(runtimeErrorText(error));
  if (error instanceof TypeError && text.includes('encoded data')) {
    return new RequestError('InvalidArgument', 'inputs: a BYTES element is not UTF-8, which the model takes');
  }
  return new RequestError('InvalidArgument', `the model refused the inputs: ${runtimeErrorText(error)}`);
}
