import { describe, expect, test } from '@jest/globals';
import { helpText, readConfig, settings } from '../../../operator/config.ts';
import { OperatorConfigError } from '../../../operator/errors.ts';

const image = '--runtime-image=registry.test/runtime:1';
const read = (args: string[] = [], env: NodeJS.ProcessEnv = {}) => readConfig([image, ...args], env, 'host-1');

describe('readConfig', () => {
  test('needs only the image of the runtime', () => {
    expect(read()).toEqual({
      runtimeImage: 'registry.test/runtime:1',
      runtimePullPolicy: undefined,
      namespace: 'modelyard-system',
      instance: 'host-1',
      watchNamespaces: [],
      leaseName: 'modelyard-operator',
      storageAllowedCidrs: [],
      logLevel: 'info',
      runtimeLogLevel: 'info',
      tracing: undefined,
      adminPort: 8081,
      kubeconfig: undefined,
    });
  });

  test('a flag wins over its variable', () => {
    const env = { MODELYARD_LOG_LEVEL: 'warn', MODELYARD_RUNTIME_LOG_LEVEL: 'error', POD_NAME: 'pod-1' };
    expect(read([], env)).toMatchObject({ logLevel: 'warn', runtimeLogLevel: 'error', instance: 'pod-1' });
    expect(read(['--log-level=debug', '--runtime-log-level', 'trace'], env)).toMatchObject({
      logLevel: 'debug',
      runtimeLogLevel: 'trace',
    });
  });

  test('the level of the pods does not follow that of the operator', () => {
    expect(read(['--log-level=debug']).runtimeLogLevel).toBe('info');
  });

  test('lists are separated by commas, spaces do not matter', () => {
    expect(read(['--watch-namespaces= team-a, team-b ,', '--storage-allowed-cidrs=10.0.0.0/8,fd00::/8'])).toMatchObject(
      { watchNamespaces: ['team-a', 'team-b'], storageAllowedCidrs: ['10.0.0.0/8', 'fd00::/8'] },
    );
  });

  test('traces where a collector is named, a tenth of what begins here unless told otherwise', () => {
    const endpoint = 'http://collector.observability.svc:4318';
    expect(read([`--tracing-endpoint=${endpoint}`]).tracing).toEqual({ endpoint, samplingRatio: 0.1 });
    expect(read([`--tracing-endpoint=${endpoint}`, '--tracing-sampling-ratio=1e-05']).tracing?.samplingRatio).toBe(
      0.00001,
    );
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_TRACES_SAMPLER_ARG: '1.0' };
    expect(read([], env).tracing).toEqual({ endpoint, samplingRatio: 1 });
  });

  test('leader election and the admin port can be off', () => {
    expect(read(['--leader-election=false', '--admin-port=0'])).toMatchObject({
      leaseName: undefined,
      adminPort: undefined,
    });
  });

  test.each([
    ['--log-level', 'loud', 'must be one of trace'],
    ['--runtime-log-level', 'loud', 'must be one of trace'],
    ['--watch-namespaces', 'Team', 'is no name of a namespace'],
    ['--storage-allowed-cidrs', '10.0.0.0', 'is no address range'],
    ['--admin-port', '80.5', 'must be a port'],
    ['--admin-port', '65536', 'must be a port'],
    ['--admin-port', '', 'must be a port'],
    ['--leader-election', 'yes', 'must be one of true, false'],
    ['--runtime-image-pull-policy', 'Sometimes', 'must be one of Always'],
    ['--runtime-image', '', 'must name the image'],
    ['--tracing-endpoint', 'collector:4318', 'must be a URL'],
    ['--tracing-endpoint', 'http://user@collector:4318', 'must be a URL'],
    ['--tracing-sampling-ratio', '2', 'must be a number from 0 to 1'],
    ['--tracing-sampling-ratio', '', 'must be a number from 0 to 1'],
  ])('%s=%s is refused by name, with the cure', (flag, value, cure) => {
    const wrong = (): unknown => read([`${flag}=${value}`]);
    expect(wrong).toThrow(OperatorConfigError);
    expect(wrong).toThrow(flag);
    expect(wrong).toThrow(cure);
  });

  test('an unknown flag is refused', () => {
    expect(() => read(['--log-levle=info'])).toThrow(/--log-levle.*--help lists every flag/s);
    expect(() => read(['stray'])).toThrow(OperatorConfigError);
  });

  test('the help names every flag with its variable and default', () => {
    const text = helpText();
    for (const { flag, help } of Object.values(settings)) {
      expect(text).toContain(`--${flag}`);
      expect(text).toContain(help);
    }
    expect(text).toMatch(/--runtime-log-level \(or \$MODELYARD_RUNTIME_LOG_LEVEL\)\n.*default info/);
  });
});
