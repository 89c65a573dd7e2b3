/** Each check of the serving chain: the trouble it names, what it says of it, and that it is silent otherwise. */
import { describe, expect, test } from '@jest/globals';
import { firstFinding } from '../../../operator/core/checks.ts';
import type { Pod } from '../../../operator/core/objects.ts';
import { podChecks, sharedPodChecks } from '../../../operator/core/serving/pod-checks.ts';
import {
  creationChecks,
  servingRefusalChecks as refusalChecks,
} from '../../../operator/core/serving/refusal-checks.ts';
import { specChecks } from '../../../operator/core/serving/spec-checks.ts';
import type { Fault, FaultReason, ServingReport } from '../../../runtime/contract.ts';
import { admitted } from '../../support/serving-world.ts';

describe('what no pod could ever do is said before any pod is made', () => {
  test.each([
    [{ model: { uri: 's3://a/b', task: 'SpeechRecognition' } }, 'UnsupportedTask', 'set it to Tensor or Tabular or'],
    [{ model: { uri: 'file:///a.onnx' } }, 'UnsupportedScheme', 'pvc://CLAIM/PATH'],
    [{ model: { uri: 's3://a/b' }, accelerator: { resource: 'amd.com/gpu' } }, 'UnsupportedAccelerator', 'amd.com/gpu'],
  ])('%j', (spec, reason, says) => {
    const finding = firstFinding(specChecks, {
      spec: admitted({ object: { spec } }).spec,
      inputs: { allowFileUris: false },
    });
    expect(finding).toMatchObject({ terminal: true, type: 'Warning', reason });
    expect(finding?.message).toContain(says);
  });

  test.each([
    [{ task: 'TextGeneration' }, 'UnsupportedTask', 'spec.models[1].task TextGeneration of the model de is not served'],
    [
      { uri: 'file:///a' },
      'UnsupportedScheme',
      'spec.models[1].uri file:///a of the model de names a file of one machine',
    ],
  ])('one of several models with %j is named with its field', (fault, reason, says) => {
    const models = [
      { name: 'en', uri: 's3://a/b', task: 'Tabular' },
      { name: 'de', uri: 's3://a/b', ...fault },
    ];
    const { spec } = admitted({ object: { spec: { models } } });
    const finding = firstFinding(specChecks, { spec, inputs: { allowFileUris: false } });
    expect(finding).toMatchObject({ terminal: true, reason, message: expect.stringContaining(says) });
  });

  test('several models that all can be served are fine', () => {
    const models = [
      { name: 'en', uri: 's3://a/b', task: 'Tabular' },
      { name: 'de', uri: 'file:///a' },
    ];
    const { spec } = admitted({ object: { spec: { models } } });
    expect(firstFinding(specChecks, { spec, inputs: { allowFileUris: true } })).toBeUndefined();
  });

  test.each(['s3://a/b', 'http://a/b', 'https://a/b', 'pvc://a/b', 'oci://a/b:v1', 'hf://a/b', 'gs://a/b'])(
    '%s is fine',
    (uri) => {
      const { spec } = admitted({ object: { spec: { model: { uri, task: 'ImageClassification' } } } });
      expect(firstFinding(specChecks, { spec, inputs: { allowFileUris: false } })).toBeUndefined();
    },
  );

  test('a scheme that only newer CRDs admit is named', () => {
    const { spec } = admitted({ object: { spec: { model: { uri: 's3://a/b' } } } });
    const newer = { ...spec, model: { task: 'Tensor' as const, uri: 'ipfs://a/b' } };
    expect(firstFinding(specChecks, { spec: newer, inputs: { allowFileUris: false } })).toMatchObject({
      terminal: true,
      reason: 'UnsupportedScheme',
      message: expect.stringMatching(/has the scheme ipfs.*use one of s3, http, https, pvc, oci, hf, gs/),
    });
  });

  test('a laptop takes files', () => {
    const { spec } = admitted({ object: { spec: { model: { uri: 'file:///a' } } } });
    expect(firstFinding(specChecks, { spec, inputs: { allowFileUris: true } })).toBeUndefined();
  });
});

const ref = { apiVersion: 'v1', kind: 'Service', name: 'digits' };

describe('refusals', () => {
  test.each([
    ['NameConflict', 'whatever', 'NameConflict', 'Service digits exists and belongs to somebody else'],
    [
      'Forbidden',
      'services "digits" is forbidden: exceeded quota: few, requested: services=1',
      'QuotaExceeded',
      'exceeded quota: few',
    ],
    ['Denied', 'admission webhook "p" denied the request: no', 'Forbidden', 'an admission rule refuses Service digits'],
    [
      'WriteFailed',
      'failed calling webhook "p"',
      'WriteFailed',
      'Service digits could not be created, changed or deleted: failed calling webhook "p"; it is tried again',
    ],
    ['Forbidden', 'User "x" cannot patch resource', 'Forbidden', 'does not let the operator write Service digits'],
    ['Invalid', 'spec.x: Invalid value', 'Invalid', 'correct the spec'],
    ['Conflict', 'try again', 'Conflict', 'try again'],
  ])('%s: %s', (reason, message, expected, says) => {
    const finding = firstFinding(refusalChecks, { refusals: [{ ref, reason, message }] });
    expect(finding).toMatchObject({ type: 'Warning', reason: expected });
    expect(finding?.message).toContain(says);
  });

  test('a taken name is said before what follows from it', () => {
    const refusals = [
      { ref, reason: 'Invalid', message: '' },
      { ref, reason: 'NameConflict', message: '' },
    ];
    expect(firstFinding(refusalChecks, { refusals })?.reason).toBe('NameConflict');
    expect(firstFinding(refusalChecks, { refusals: [] })).toBeUndefined();
  });
});

describe('pods that cannot be created', () => {
  test.each([
    ['pods "a" is forbidden: exceeded quota: few, requested: pods=1, used: pods=4, limited: pods=4', 'QuotaExceeded'],
    ['pods "a" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true', 'PodRefused'],
    ['admission webhook "x" denied the request', 'PodRefused'],
  ])('%s', (message, reason) => {
    const conditions = [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message }];
    const finding = firstFinding(creationChecks, { deployment: { metadata: { name: 'a' }, status: { conditions } } });
    expect(finding).toMatchObject({ type: 'Warning', reason });
    expect(finding?.message).toContain(message);
  });

  test('a Deployment without that condition, and none at all, say nothing', () => {
    expect(firstFinding(creationChecks, { deployment: undefined })).toBeUndefined();
    const conditions = [{ type: 'Progressing', status: 'True' }];
    expect(
      firstFinding(creationChecks, { deployment: { metadata: { name: 'a' }, status: { conditions } } }),
    ).toBeUndefined();
  });
});

type Status = NonNullable<Pod['status']>;
const container = (status: object): Status => ({ containerStatuses: [{ name: 'runtime', ...status }] });
const waiting = (reason: string, message: string): Status => container({ state: { waiting: { reason, message } } });
const unscheduled = (message: string): Status => ({
  conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message }],
});

describe('pods that do not become ready', () => {
  const nothing = { report: undefined, accelerator: undefined, mounts: [], nowMs: 0 };

  test.each<[string, Status, string, string]>([
    ['no room', unscheduled('0/3 nodes are available: 3 Insufficient cpu.'), 'Unschedulable', 'Insufficient cpu'],
    [
      'no accelerator',
      unscheduled('0/3 nodes: 3 Insufficient nvidia.com/gpu.'),
      'AcceleratorUnavailable',
      'nvidia.com/gpu',
    ],
    ['no image', waiting('ImagePullBackOff', 'Back-off pulling image "a"'), 'ImagePullFailed', 'imagePullSecrets'],
    ['an image without a name', waiting('InvalidImageName', 'couldn\'t parse "A:"'), 'ImagePullFailed', 'A:'],
    [
      'no Secret',
      waiting('CreateContainerConfigError', 'secret "models-s3" not found'),
      'ConfigurationMissing',
      'secret "models-s3" not found',
    ],
    ['no start', waiting('RunContainerError', 'exec: node: not found'), 'ContainerFailed', 'node: not found'],
    [
      'out of memory',
      container({
        state: { waiting: { reason: 'CrashLoopBackOff' } },
        lastState: { terminated: { reason: 'OOMKilled', exitCode: 137 } },
      }),
      'OutOfMemory',
      'spec.resources.limits.memory',
    ],
    [
      'out of memory, running again',
      container({ state: { running: {} }, lastState: { terminated: { reason: 'OOMKilled', exitCode: 137 } } }),
      'OutOfMemory',
      'limit',
    ],
    [
      'evicted',
      { phase: 'Failed', reason: 'Evicted', message: 'The node was low on resource: memory.' },
      'Evicted',
      'low on resource',
    ],
    [
      'crashing',
      container({
        restartCount: 4,
        state: { waiting: { reason: 'CrashLoopBackOff' } },
        lastState: { terminated: { exitCode: 64, message: 'MODELYARD_TASK is not a task' } },
      }),
      'CrashLoop',
      'exit code 64 (4 restarts): MODELYARD_TASK is not a task',
    ],
  ])('%s', (_, status, reason, says) => {
    const pod = { metadata: { name: 'a' }, status };
    const finding = firstFinding(podChecks, { ...nothing, pod, accelerator: 'nvidia.com/gpu' });
    expect(finding).toMatchObject({ type: 'Warning', reason });
    expect(finding?.message).toContain(says);
  });

  const says = (model: Partial<ServingReport['model']>) =>
    firstFinding(podChecks, {
      ...nothing,
      pod: { metadata: { name: 'a' } },
      report: { version: 1, kind: 'Serving', podName: 'a', model: { uri: 's3://a/b', phase: 'Failed', ...model } },
    });

  const reasons: Record<FaultReason, true> = {
    ModelNotFound: true,
    DigestMismatch: true,
    AccessDenied: true,
    AddressNotAllowed: true,
    StorageUnavailable: true,
    ArchiveRefused: true,
    InvalidModel: true,
    UnsupportedModel: true,
    AcceleratorUnavailable: true,
    OutOfMemory: true,
    ModelCrashed: true,
    LoadTimeout: true,
  };

  test.each(Object.keys(reasons) as FaultReason[])('the fault %s is passed on', (reason) => {
    const fault: Fault = { reason, message: 'what and why', retrying: true };
    expect(says({ fault })).toEqual({ type: 'Warning', reason, message: 'what and why' });
    expect(says({ fault: { ...fault, retrying: false } })).toMatchObject({ terminal: true, reason });
  });

  test.each(['Resolving', 'Downloading', 'Loading', 'WarmingUp'] as const)('%s is the course of things', (phase) => {
    expect(says({ phase })).toMatchObject({ type: 'Normal', reason: phase });
  });

  test('progress moves by tenths, and a source that names no size gives none', () => {
    const at = (bytesDone: number) => says({ phase: 'Downloading', bytesDone, bytesTotal: 100 * 1_048_576 })?.message;
    expect(at(41 * 1_048_576)).toBe('downloading s3://a/b: 40% of 100 MiB');
    expect(at(49 * 1_048_576)).toBe(at(41 * 1_048_576));
    expect(says({ phase: 'Downloading', bytesDone: 7 })?.message).toBe('downloading s3://a/b');
  });

  test('a long message of a pod is cut', () => {
    const long = 'x'.repeat(100_000);
    expect(says({ fault: { reason: 'InvalidModel', message: long, retrying: false } })?.message.length).toBeLessThan(
      2_000,
    );
  });

  test('what a pod of several models says of them is no reason for it not to be ready', () => {
    const fault: Fault = { reason: 'ModelNotFound', message: 'gone', retrying: false };
    const models = [{ name: 'de', uri: 's3://a/b', phase: 'Failed' as const, fault }];
    const report = { version: 1, kind: 'SharedServing', podName: 'a', models } as const;
    const pod = { metadata: { name: 'a' }, status: waiting('CreateContainerConfigError', 'secret "s" not found') };
    expect(firstFinding(sharedPodChecks, { ...nothing, pod: { metadata: { name: 'a' } }, report })).toBeUndefined();
    expect(firstFinding(sharedPodChecks, { ...nothing, pod, report })).toMatchObject({
      reason: 'ConfigurationMissing',
      message: expect.stringContaining('create what spec.storage or spec.access names'),
    });
  });

  test('a pod that merely starts says nothing', () => {
    expect(firstFinding(podChecks, { ...nothing, pod: { metadata: { name: 'a' } } })).toBeUndefined();
  });
});
