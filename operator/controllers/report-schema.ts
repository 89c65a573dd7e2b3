import { Ajv } from 'ajv';
import type { ServingReport } from '../../runtime/contract.ts';

const text = (maxLength: number): object => ({ type: 'string', maxLength });

const tensors = {
  type: 'array',
  maxItems: 256,
  items: {
    type: 'object',
    required: ['name', 'dataType', 'shape'],
    additionalProperties: false,
    properties: {
      name: text(256),
      dataType: text(16),
      shape: { type: 'array', maxItems: 32, items: { type: 'integer', minimum: -1, maximum: Number.MAX_SAFE_INTEGER } },
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
        inputs: tensors,
        outputs: tensors,
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

const validate = new Ajv({ removeAdditional: true, strict: false }).compile<ServingReport>(schema);

/** What a pod said, without anything the schema does not know; undefined where it is no report. */
export function parseReport(body: string): ServingReport | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return undefined;
  }
  return validate(value) ? value : undefined;
}
