import { Ajv } from 'ajv';
import { tensorListLimits, type ServingReport, type TensorSignature } from '../../runtime/contract.ts';

const text = (maxLength: number): object => ({ type: 'string', maxLength });

const tensors = {
  type: 'array',
  maxItems: tensorListLimits.tensors,
  items: {
    type: 'object',
    required: ['name', 'dataType', 'shape'],
    additionalProperties: false,
    properties: {
      name: text(tensorListLimits.nameLength),
      dataType: text(16),
      shape: {
        type: 'array',
        maxItems: tensorListLimits.rank,
        items: { type: 'integer', minimum: -1, maximum: Number.MAX_SAFE_INTEGER },
      },
    },
  },
};

const bytes = { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER };

/** `ServingReport` of runtime/contract.ts, with the bounds of the ModelDeployment's status. */
const schema = {
  type: 'object',
  required: ['version', 'kind', 'podName', 'model'],
  additionalProperties: false,
  properties: {
    version: { const: 1 },
    kind: { const: 'Serving' },
    podName: text(253),
    model: {
      type: 'object',
      required: ['uri', 'phase'],
      additionalProperties: false,
      properties: {
        uri: text(1_024),
        phase: { enum: ['Resolving', 'Downloading', 'Loading', 'WarmingUp', 'Ready', 'Failed', 'Draining'] },
        digest: { type: 'string', pattern: '^sha256:[0-9a-f]{64}$' },
        bytesDone: bytes,
        bytesTotal: bytes,
        // Judged on their own.
        inputs: {},
        outputs: {},
        fault: {
          type: 'object',
          required: ['reason', 'message', 'retrying'],
          additionalProperties: false,
          properties: {
            // A newer runtime may know more reasons than this operator: anything fit for a condition is passed on.
            reason: { type: 'string', maxLength: 64, pattern: '^[A-Z][A-Za-z0-9]*$' },
            message: text(16_384),
            retrying: { type: 'boolean' },
          },
        },
      },
    },
  },
};

const ajv = new Ajv({ removeAdditional: true, strict: false });
const validate = ajv.compile<ServingReport>(schema);
const validateTensors = ajv.compile<TensorSignature[]>(tensors);

/**
 * What a pod said, without anything the schema does not know; undefined where it is no report. A list of tensors that
 * the status cannot hold is dropped alone: all else of the model is true without it.
 */
export function parseReport(body: string): ServingReport | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return undefined;
  }
  if (!validate(value)) return undefined;
  if (!validateTensors(value.model.inputs)) delete value.model.inputs;
  if (!validateTensors(value.model.outputs)) delete value.model.outputs;
  return value;
}
