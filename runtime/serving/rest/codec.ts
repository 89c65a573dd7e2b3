import type { TensorSignature } from '../../contract.ts';
import { invalid } from '../../errors.ts';
import { elementSize, joinBytes, splitBytes } from '../../../lib/tensor-codec.ts';
import { checkDataType, checkElementCount, checkShape } from '../check-inputs.ts';
import { encodeElements, jsonElements } from '../elements.ts';
import {
  requestedOutput,
  requestedOutputs,
  requestedPriority,
  requestedTimeoutMs,
  type InferenceRequest,
  type RequestedOutput,
} from '../inference-request.ts';
import { base64Bytes, isRecord, parseJson } from '../json.ts';
import { modelVersion } from '../model-repository.ts';
import { elementCount, type Signature, type Tensor } from '../tensor.ts';

/**
 * The JSON of the Open Inference Protocol with its binary tensor extension: a body is JSON, or, where the header
 * Inference-Header-Content-Length gives the JSON's length, JSON followed by the raw data of the tensors that have
 * `binary_data_size`.
 */
export interface RestRequest extends InferenceRequest {
  id: string | undefined;
  /** Whether an output's data follows the answer's JSON as raw bytes. */
  isBinary: (output: string) => boolean;
}

export interface RestAnswer {
  body: string | Buffer;
  /** The length of the JSON at the front of the body, where raw data follows. */
  headerLength: number | undefined;
}

type Fields = Record<string, unknown>;

/** KServe's client sends the model's name and version too; the path is what counts. */
const requestFields = ['id', 'parameters', 'inputs', 'outputs', 'model_name', 'model_version'];
const explainFields = ['id', 'parameters', 'inputs', 'background', 'model_name', 'model_version'];

/** Throws RequestError that names the field. */
export function parseRestRequest(body: Buffer, headerLength: string | undefined, signature: Signature): RestRequest {
  const jsonLength = parseHeaderLength(headerLength, body.byteLength);
  if (jsonLength === 0 && headerLength !== undefined) return rawRequest(body, signature);
  const request = fields(parseJson(body.subarray(0, jsonLength)), 'body', requestFields);
  const parameters = parametersOf(request, 'parameters');
  const binary = new BinaryData(body.subarray(jsonLength), headerLength !== undefined);
  const inputs = array(request.inputs, 'inputs').map((value, index) =>
    parseInput(value, `inputs[${index}]`, binary, body.byteLength),
  );
  binary.finish();
  const wanted =
    request.outputs === undefined ? [] : array(request.outputs, 'outputs').map(parseOutput(signature.outputs));
  const byDefault = flag(parameters.binary_data_output, 'parameters.binary_data_output') ?? false;
  const choices = new Map(wanted.map(({ output, binaryData }) => [output.name, binaryData]));
  return {
    id: optionalText(request.id, 'id'),
    inputs,
    outputs: requestedOutputs(wanted.map(({ output }) => output)),
    isBinary: (output) => choices.get(output) ?? byDefault,
    timeoutMs: requestedTimeoutMs(parameters.timeout),
    priority: requestedPriority(parameters.priority),
  };
}

export interface RestExplainRequest {
  id: string | undefined;
  inputs: Tensor[];
  background: Tensor[];
  parameters: Fields;
  /** Whether the answer's tensors follow its JSON as raw bytes. */
  isBinary: boolean;
}

/** Like a request of inference, with a `background` of more tensors. Throws RequestError that names the field. */
export function parseExplainRequest(body: Buffer, headerLength: string | undefined): RestExplainRequest {
  const jsonLength = parseHeaderLength(headerLength, body.byteLength);
  const request = fields(parseJson(body.subarray(0, jsonLength)), 'body', explainFields);
  const { binary_data_output: binaryOutput, ...parameters } = parametersOf(request, 'parameters');
  const binary = new BinaryData(body.subarray(jsonLength), headerLength !== undefined);
  const tensors = (name: 'inputs' | 'background'): Tensor[] =>
    array(request[name], name).map((value, index) => parseInput(value, `${name}[${index}]`, binary, body.byteLength));
  const inputs = tensors('inputs');
  const background = request.background === undefined ? [] : tensors('background');
  binary.finish();
  return {
    id: optionalText(request.id, 'id'),
    inputs,
    background,
    parameters,
    isBinary: flag(binaryOutput, 'parameters.binary_data_output') ?? false,
  };
}

/** A body of nothing but the data of the only input, one row of it where the model batches; all outputs come as binary. */
function rawRequest(body: Buffer, { inputs }: Signature): RestRequest {
  const [input, ...others] = inputs;
  if (!input || others.length > 0)
    throw invalid(`Inference-Header-Content-Length: can be 0 for a model with one input; this has ${inputs.length}`);
  const { name, dataType } = input;
  const data = dataType === 'BYTES' ? joinBytes([body]) : body;
  const raw = { id: undefined, outputs: undefined, isBinary: () => true, timeoutMs: undefined, priority: undefined };
  return { ...raw, inputs: [{ name, dataType, shape: rawShape(input, body.byteLength), data }] };
}

/** The last dynamic dimension is what the data leaves for it, others are 1; BYTES are one element. */
function rawShape({ dataType, shape }: TensorSignature, bytes: number): number[] {
  const free = shape.lastIndexOf(-1);
  const known = shape.map((dimension) => (dimension === -1 ? 1 : dimension));
  if (free === -1 || dataType === 'BYTES') return known;
  const rowBytes = Number(elementCount(known)) * elementSize[dataType];
  return known.map((dimension, axis) => (axis === free && rowBytes > 0 ? Math.floor(bytes / rowBytes) : dimension));
}

export function restAnswer(
  modelName: string,
  id: string | undefined,
  outputs: readonly Tensor[],
  isBinary: RestRequest['isBinary'],
  parameters?: Readonly<Record<string, string | number>>,
): RestAnswer {
  const raw: Uint8Array[] = [];
  const texts = outputs.map((output) => {
    const head = `{"name":${JSON.stringify(output.name)},"shape":${JSON.stringify(output.shape)},"datatype":"${output.dataType}"`;
    if (!isBinary(output.name)) return `${head},"data":[${jsonElements(output).join()}]}`;
    raw.push(output.data);
    return `${head},"parameters":{"binary_data_size":${output.data.byteLength}}}`;
  });
  const json = `{"model_name":${JSON.stringify(modelName)},"model_version":"${modelVersion}"${id === undefined ? '' : `,"id":${JSON.stringify(id)}`}${parameters ? `,"parameters":${JSON.stringify(parameters)}` : ''},"outputs":[${texts.join()}]}`;
  if (raw.length === 0) return { body: json, headerLength: undefined };
  const head = Buffer.from(json);
  return { body: Buffer.concat([head, ...raw]), headerLength: head.byteLength };
}

function parseHeaderLength(value: string | undefined, bodyLength: number): number {
  if (value === undefined) return bodyLength;
  const length = /^\d{1,10}$/.test(value) ? Number(value) : Infinity;
  if (length > bodyLength)
    throw invalid(`Inference-Header-Content-Length: must be a whole number of at most the body's ${bodyLength} bytes`);
  return length;
}

/** The raw data behind the JSON, handed out in the order of the inputs. */
class BinaryData {
  readonly #data: Buffer;
  readonly #allowed: boolean;
  #offset = 0;

  constructor(data: Buffer, allowed: boolean) {
    this.#data = data;
    this.#allowed = allowed;
  }

  take(size: number, path: string): Buffer {
    if (!this.#allowed) throw invalid(`${path}: needs the header Inference-Header-Content-Length`);
    const left = this.#data.byteLength - this.#offset;
    if (size > left) throw invalid(`${path}: is ${size}, but only ${left} bytes are left after the JSON`);
    this.#offset += size;
    return this.#data.subarray(this.#offset - size, this.#offset);
  }

  finish(): void {
    const left = this.#data.byteLength - this.#offset;
    if (left > 0) throw invalid(`body: ${left} bytes after the JSON belong to no input`);
  }
}

function parseInput(value: unknown, path: string, binary: BinaryData, maxBytes: number): Tensor {
  const input = fields(value, path, ['name', 'shape', 'datatype', 'parameters', 'data']);
  const name = requiredText(input.name, `${path}.name`);
  const shape = checkShape(input.shape, `${path}.shape`);
  const dataType = checkDataType(input.datatype, `${path}.datatype`);
  const parameters = parametersOf(input, `${path}.parameters`);
  if (parameters.binary_data_size !== undefined) {
    const at = `${path}.parameters.binary_data_size`;
    if (input.data !== undefined) throw invalid(`${path}.data: must be absent beside binary_data_size`);
    return { name, dataType, shape, data: binary.take(wholeNumber(parameters.binary_data_size, at), at) };
  }
  if (input.data === undefined) throw invalid(`${path}.data: is missing`);
  // In JSON an element takes at least two bytes ("0,"), whatever its type: this bounds what a small body may allocate.
  const count = checkElementCount(shape, 1, maxBytes, `${path}.shape`);
  const data = encodeElements(input.data, dataType, shape, count, `${path}.data`);
  const isBase64 = dataType === 'BYTES' && parameters.content_type === 'base64';
  return { name, dataType, shape, data: isBase64 ? fromBase64(data, `${path}.data`) : data };
}

/** What JSON cannot hold, such as an image, travels as base64 where the input's parameter `content_type` says so. */
function fromBase64(data: Uint8Array, path: string): Uint8Array {
  const texts = (splitBytes(data) ?? []).map((element) => Buffer.from(element).toString('latin1'));
  return joinBytes(
    texts.map((text) => {
      const decoded = base64Bytes(text);
      if (!decoded) throw invalid(`${path}: an element is not base64`);
      return decoded;
    }),
  );
}

function parseOutput(known: readonly TensorSignature[]) {
  return (value: unknown, index: number): { output: RequestedOutput; binaryData: boolean | undefined } => {
    const path = `outputs[${index}]`;
    const output = fields(value, path, ['name', 'parameters']);
    const name = requiredText(output.name, `${path}.name`);
    const { classification, binary_data: binaryData } = parametersOf(output, `${path}.parameters`);
    return {
      output: requestedOutput(name, classification, known, path),
      binaryData: flag(binaryData, `${path}.parameters.binary_data`),
    };
  };
}

/** An object with no other fields than these. */
function fields(value: unknown, path: string, allowed: readonly string[]): Fields {
  if (!isRecord(value)) throw invalid(`${path}: must be an object`);
  const unknown = Object.keys(value).find((key) => !allowed.includes(key));
  if (unknown !== undefined)
    throw invalid(`${path}: has the unknown field ${shown(unknown)}; known are ${allowed.join(', ')}`);
  return value;
}

/** Parameters that we do not know are ignored, as the protocol has it; their values are plain. */
function parametersOf(holder: Fields, path: string): Fields {
  const { parameters } = holder;
  if (parameters === undefined) return {};
  if (!isRecord(parameters)) throw invalid(`${path}: must be an object`);
  const bad = Object.entries(parameters).find(([, value]) => value === null || typeof value === 'object');
  if (bad) throw invalid(`${path}: ${shown(bad[0])} must be a string, a number or a boolean`);
  return parameters;
}

const shown = (text: string): string => JSON.stringify(text.slice(0, 200));

function array(value: unknown, path: string): unknown[] {
  if (!Array.isArray(value)) throw invalid(`${path}: must be an array`);
  return value;
}

function requiredText(value: unknown, path: string): string {
  if (typeof value !== 'string') throw invalid(`${path}: must be a string`);
  return value;
}

function optionalText(value: unknown, path: string): string | undefined {
  return value === undefined ? undefined : requiredText(value, path);
}

function flag(value: unknown, path: string): boolean | undefined {
  if (value !== undefined && typeof value !== 'boolean') throw invalid(`${path}: must be true or false`);
  return value;
}

function wholeNumber(value: unknown, path: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw invalid(`${path}: must be a whole number of at least 0`);
  return value;
}
