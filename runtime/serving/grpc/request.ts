import type { DataType, TensorSignature } from '../../contract.ts';
import { invalid } from '../../errors.ts';
import { checkDataType, checkElementCount, checkShape } from '../check-inputs.ts';
import { encodeElements } from '../elements.ts';
import type { ContentField, GrpcContents, GrpcInferRequest, GrpcInput } from './wire.ts';
import { joinBytes } from '../../../lib/tensor-codec.ts';
import {
  requestedOutput,
  requestedOutputs,
  requestedPriority,
  requestedTimeoutMs,
  type InferenceRequest,
} from '../inference-request.ts';
import type { Tensor } from '../tensor.ts';

const fieldOf: Readonly<Record<DataType, ContentField | undefined>> = {
  BOOL: 'bool_contents',
  UINT8: 'uint_contents',
  UINT16: 'uint_contents',
  UINT32: 'uint_contents',
  UINT64: 'uint64_contents',
  INT8: 'int_contents',
  INT16: 'int_contents',
  INT32: 'int_contents',
  INT64: 'int64_contents',
  FP16: undefined,
  FP32: 'fp32_contents',
  FP64: 'fp64_contents',
  BYTES: 'bytes_contents',
};

/** What a decoded message asks for. Throws RequestError that names the field. */
export function grpcRequest(
  message: GrpcInferRequest,
  known: readonly TensorSignature[],
  maxBytes: number,
): InferenceRequest {
  const { inputs, outputs, rawInputs, parameters } = message;
  const raw = rawInputs.length > 0;
  if (raw && rawInputs.length !== inputs.length) {
    throw invalid(`raw_input_contents: has ${rawInputs.length} elements for ${inputs.length} inputs`);
  }
  const wanted = outputs.map(({ name, parameters: own }, index) =>
    requestedOutput(name, own.get('classification'), known, `outputs[${index}]`),
  );
  return {
    inputs: inputs.map((input, index) =>
      toTensor(input, raw ? rawInputs[index] : undefined, `inputs[${index}]`, maxBytes),
    ),
    outputs: requestedOutputs(wanted),
    timeoutMs: requestedTimeoutMs(parameters.get('timeout')),
    priority: requestedPriority(parameters.get('priority')),
  };
}

function toTensor(input: GrpcInput, raw: Uint8Array | undefined, path: string, maxBytes: number): Tensor {
  const shape = checkShape(input.shape.map(Number), `${path}.shape`);
  const dataType = checkDataType(input.dataType, `${path}.datatype`);
  if (raw) {
    if (input.contents) throw invalid(`${path}.contents: must be absent beside raw_input_contents`);
    return { name: input.name, dataType, shape, data: raw };
  }
  const field = fieldOf[dataType];
  if (!field) throw invalid(`${path}.contents: ${dataType} needs raw_input_contents`);
  const count = checkElementCount(shape, 1, maxBytes, `${path}.shape`);
  const values = elementsOf(input.contents, field, dataType, `${path}.contents`);
  if (values.length !== count) {
    throw invalid(`${path}.contents.${field}: has ${values.length} elements where the shape needs ${count}`);
  }
  const data =
    dataType === 'BYTES'
      ? joinBytes(values as Uint8Array[])
      : encodeElements(values.map(spelled), dataType, shape, count, `${path}.contents.${field}`);
  return { name: input.name, dataType, shape, data };
}

/** NaN and the infinities are spelled as in JSON, so that one encoder serves both fronts. */
function spelled(value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}

function elementsOf(
  contents: GrpcContents | undefined,
  field: ContentField,
  dataType: DataType,
  path: string,
): unknown[] {
  if (!contents) return [];
  const other = [...contents.keys()].find((name) => name !== field);
  if (other !== undefined) throw invalid(`${path}.${other}: ${dataType} belongs in ${field}`);
  return contents.get(field) ?? [];
}
