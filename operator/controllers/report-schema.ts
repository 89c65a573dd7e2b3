import { Ajv } from 'ajv';
import {
  tensorListLimits,
  type ServingReport,
  type SharedServingReport,
  type TensorSignature,
} from '../../runtime/contract.ts';
import type { TrainingFarewell, TrainingOutcome, TrainingReport } from '../../runtime/training-contract.ts';

const text = (maxLength: number): object => ({ type: 'string', maxLength });
const whole = { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER };
const digest = { type: 'string', pattern: '^sha256:[0-9a-f]{64}$' };
// A newer runtime may know more reasons than this operator: anything fit for a condition is passed on.
const reason = { type: 'string', maxLength: 64, pattern: '^[A-Z][A-Za-z0-9]*$' };
const fault = {
  type: 'object',
  required: ['reason', 'message', 'retrying'],
  additionalProperties: false,
  properties: { reason, message: text(16_384), retrying: { type: 'boolean' } },
};

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

const phase = {
  enum: ['Resolving', 'Downloading', 'Loading', 'WarmingUp', 'Ready', 'Failed', 'Draining', 'Unloaded', 'Standby'],
};

const access = {
  type: 'object',
  required: ['reason', 'message', 'closed'],
  additionalProperties: false,
  properties: { reason, message: text(16_384), closed: { type: 'boolean' } },
};

/** `ServingReport` of runtime/contract.ts, with the bounds of the ModelDeployment's status. */
const serving = {
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
        phase,
        digest,
        bytesDone: whole,
        bytesTotal: whole,
        // Judged on their own.
        inputs: {},
        outputs: {},
        fault,
      },
    },
    access,
  },
};

/** `SharedServingReport` of runtime/contract.ts, with the bounds of the ModelDeployment's list. */
const sharedServing = {
  type: 'object',
  required: ['version', 'kind', 'podName', 'models'],
  additionalProperties: false,
  properties: {
    version: { const: 1 },
    kind: { const: 'SharedServing' },
    podName: text(253),
    models: {
      type: 'array',
      maxItems: 200,
      items: {
        type: 'object',
        required: ['name', 'uri', 'phase'],
        additionalProperties: false,
        properties: { name: text(63), uri: text(512), phase, digest, fault },
      },
    },
    access,
  },
};

/** By name; as many as the TrainingJob's status takes. */
const metrics = {
  type: 'object',
  maxProperties: 16,
  propertyNames: { type: 'string', pattern: '^[A-Za-z][A-Za-z0-9]{0,62}$' },
  additionalProperties: { type: 'number' },
};

/** `TrainingOutcome` of runtime/training-contract.ts, with the bounds of the TrainingJob's status. */
const outcome = {
  type: 'object',
  required: ['succeeded', 'reason', 'message'],
  additionalProperties: false,
  properties: {
    succeeded: { type: 'boolean' },
    reason,
    message: text(16_384),
    output: {
      type: 'object',
      required: ['uri', 'digest', 'specHash', 'dataDigest', 'steps', 'completedAtMs', 'testMetrics'],
      additionalProperties: false,
      properties: {
        uri: { ...text(1_024), minLength: 1 },
        digest,
        specHash: digest,
        dataDigest: digest,
        steps: whole,
        checkpointStep: whole,
        // Times beyond the year 9999 are none.
        completedAtMs: { ...whole, maximum: 253_402_300_799_999 },
        testMetrics: metrics,
      },
    },
  },
};

/** `TrainingFarewell` of runtime/training-contract.ts. */
const farewell = {
  type: 'object',
  required: ['step', 'checkpointStep'],
  additionalProperties: false,
  properties: { step: whole, checkpointStep: whole },
};

/** `TrainingReport` of runtime/training-contract.ts, with the bounds of the TrainingJob's status. */
const training = {
  type: 'object',
  required: ['version', 'kind', 'podName', 'role', 'index', 'phase'],
  additionalProperties: false,
  properties: {
    version: { const: 1 },
    kind: { const: 'Training' },
    podName: text(253),
    role: { enum: ['ParameterServer', 'Worker'] },
    index: whole,
    phase: { enum: ['Preparing', 'Waiting', 'Running', 'Finishing', 'Succeeded', 'Failed', 'Stopping'] },
    fault,
    job: {
      type: 'object',
      required: [
        'step',
        'totalSteps',
        'epoch',
        'validationMetrics',
        'connectedServers',
        'connectedWorkers',
        'recomputedSteps',
        'history',
      ],
      additionalProperties: false,
      properties: {
        step: whole,
        totalSteps: whole,
        epoch: whole,
        loss: { type: 'number' },
        validationMetrics: metrics,
        samplesPerSecond: { type: 'number', minimum: 0 },
        // Ten years: a time beyond them is none.
        remainingSeconds: { type: 'number', minimum: 0, maximum: 315_360_000 },
        connectedServers: whole,
        connectedWorkers: whole,
        recomputedSteps: whole,
        checkpointStep: whole,
        history: {
          type: 'array',
          maxItems: 64,
          items: {
            type: 'object',
            required: ['step', 'loss'],
            additionalProperties: false,
            properties: { step: whole, loss: { type: 'number' }, validationLoss: { type: 'number' } },
          },
        },
        rows: whole,
        badRows: whole,
      },
    },
    outcome,
  },
};

const ajv = new Ajv({ removeAdditional: true, strict: false });
const validateServing = ajv.compile<ServingReport>(serving);
const validateSharedServing = ajv.compile<SharedServingReport>(sharedServing);
const validateTensors = ajv.compile<TensorSignature[]>(tensors);
const validateTraining = ajv.compile<TrainingReport>(training);
const validateOutcome = ajv.compile<TrainingOutcome>(outcome);
const validateFarewell = ajv.compile<TrainingFarewell>(farewell);

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/**
 * What a pod said, without anything the schema does not know; undefined where it is no report. A list of tensors that
 * the status cannot hold is dropped alone: all else of the model is true without it.
 */
export function parseServingReport(body: string): ServingReport | SharedServingReport | undefined {
  const value = parsed(body);
  // Each schema drops what it does not know, so only the right one may look.
  if ((value as { kind?: unknown } | null | undefined)?.kind === 'SharedServing') {
    return validateSharedServing(value) ? value : undefined;
  }
  if (!validateServing(value)) return undefined;
  if (!validateTensors(value.model.inputs)) delete value.model.inputs;
  if (!validateTensors(value.model.outputs)) delete value.model.outputs;
  return value;
}

/** The same of a pod that trains. */
export function parseTrainingReport(body: string): TrainingReport | undefined {
  const value = parsed(body);
  return validateTraining(value) ? value : undefined;
}

/** The last words of a training container; undefined where they tell nothing of the job, such as a stack. */
export function parseOutcome(text: string): TrainingOutcome | undefined {
  const value = parsed(text);
  return validateOutcome(value) ? value : undefined;
}

/** The last words of a server 0 that was told to stop; undefined where they are something else. */
export function parseFarewell(text: string): TrainingFarewell | undefined {
  const value = parsed(text);
  return validateFarewell(value) ? value : undefined;
}
