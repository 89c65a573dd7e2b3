import { decodeTensor, splitBytes, type TensorDataType, type TensorValues } from '../lib/tensor-codec.ts';
import { ModelClientError } from './errors.ts';

export interface Prediction {
  label: string;
  score: number;
}

export interface ModelMetadata {
  name: string;
  platform: string;
  inputs: { name: string; dataType: string; shape: number[] }[];
  outputs: { name: string; dataType: string; shape: number[] }[];
}

/** A tensor in the raw encoding, as both protocols carry it. */
export interface RawTensor {
  name: string;
  dataType: TensorDataType;
  shape: number[];
  data: Uint8Array;
}

export interface CallOptions {
  /** Aborts when the caller gives up. */
  signal: AbortSignal;
  timeoutMs: number;
  requestId: string | undefined;
}

/** A refusal by a server that did not begin with the request: trying again is safe. */
export class Refused extends Error {
  readonly error: ModelClientError;
  readonly retryAfterMs: number | undefined;

  constructor(error: ModelClientError, retryAfterMs?: number) {
    super(error.message);
    this.error = error;
    this.retryAfterMs = retryAfterMs;
  }
}

/** One protocol. Rejects with ModelClientError, or with Refused. */
export interface Transport {
  predictImage(image: Uint8Array, options: CallOptions): Promise<Prediction[]>;
  infer(inputs: RawTensor[], options: CallOptions): Promise<RawTensor[]>;
  metadata(options: CallOptions): Promise<ModelMetadata>;
  ready(options: CallOptions): Promise<boolean>;
  close(): Promise<void>;
}

/** A tensor's name, type and shape as both protocols have it. */
export interface OipTensor {
  name: string;
  datatype: string;
  shape: number[];
}

export function metadataOf(from: {
  name: string;
  platform: string;
  inputs: OipTensor[];
  outputs: OipTensor[];
}): ModelMetadata {
  const signature = ({ name, datatype, shape }: OipTensor): ModelMetadata['inputs'][number] => ({
    name,
    dataType: datatype,
    shape: shape.map(Number),
  });
  return {
    name: from.name,
    platform: from.platform,
    inputs: from.inputs.map(signature),
    outputs: from.outputs.map(signature),
  };
}

/** What ImageClassification answers as tensors, as predictions. */
export function predictionsOf(outputs: readonly RawTensor[]): Prediction[] {
  const labels = splitBytes(outputs.find(({ name }) => name === 'label')?.data ?? new Uint8Array()) ?? [];
  const score = outputs.find(({ name }) => name === 'score');
  const scores = score ? Array.from(decoded('score', 'FP32', score.data), Number) : [];
  if (labels.length !== scores.length || labels.length === 0) {
    throw new ModelClientError('ProtocolError', 'the model does not answer with labels and scores');
  }
  return labels.map((label, index) => ({ label: Buffer.from(label).toString(), score: scores[index] ?? NaN }));
}

/** Throws ModelClientError. */
export function decoded(name: string, dataType: TensorDataType, data: Uint8Array): TensorValues {
  try {
    return decodeTensor(dataType, data);
  } catch (error) {
    throw new ModelClientError('ProtocolError', `the output ${name} cannot be read`, { cause: error });
  }
}
