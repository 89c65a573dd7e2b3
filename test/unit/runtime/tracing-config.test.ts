import { describe, expect, test } from '@jest/globals';
import { readServingConfig } from '../../../runtime/config.ts';
import { servingEnv, tracingEnv } from '../../../runtime/contract.ts';
import { ConfigurationError } from '../../../runtime/errors.ts';

const endpoint = 'http://collector.observability.svc:4318';
const read = (variables: Record<string, string>) =>
  readServingConfig({ [servingEnv.modelName]: 'm', [servingEnv.modelUri]: 's3://models/m.onnx', ...variables }).tracing;

describe('tracing of a serving pod', () => {
  test('is off without an endpoint, whatever else is set', () => {
    expect(read({ [tracingEnv.samplingRatio]: '1', [tracingEnv.serviceName]: 'digits' })).toBeUndefined();
    expect(read({ [tracingEnv.endpoint]: '' })).toBeUndefined();
  });

  test("has OpenTelemetry's defaults, and names the pod", () => {
    expect(read({ [tracingEnv.endpoint]: endpoint, [servingEnv.podName]: 'digits-1' })).toEqual({
      endpoint,
      samplingRatio: 1,
      serviceName: 'modelyard',
      attributes: { 'service.instance.id': 'digits-1', 'k8s.pod.name': 'digits-1' },
    });
  });

  test('takes ratio, service and attributes from the standard variables', () => {
    const variables = {
      [tracingEnv.endpoint]: endpoint,
      [tracingEnv.samplingRatio]: '0.25',
      [tracingEnv.serviceName]: 'digits',
      [tracingEnv.resourceAttributes]: 'service.namespace=team-a,k8s.namespace.name=team-a',
    };
    expect(read(variables)).toEqual({
      endpoint,
      samplingRatio: 0.25,
      serviceName: 'digits',
      attributes: { 'service.namespace': 'team-a', 'k8s.namespace.name': 'team-a' },
    });
  });

  test.each([
    [tracingEnv.endpoint, 'collector:4318'],
    [tracingEnv.endpoint, 'grpc://collector:4317'],
    [tracingEnv.sampler, 'always_on'],
    [tracingEnv.samplingRatio, '1.5'],
    [tracingEnv.resourceAttributes, 'team-a'],
  ])('refuses %s=%s by name', (name, value) => {
    const wrong = (): unknown => read({ [tracingEnv.endpoint]: endpoint, [name]: value });
    expect(wrong).toThrow(ConfigurationError);
    expect(wrong).toThrow(name);
  });
});
