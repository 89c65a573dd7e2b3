import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ports } from '../../runtime/contract.ts';
import { identityModel, sumAndDifferenceModel } from '../support/models.ts';
import { pythonEnvironment, pythonOf } from '../../bench/python-environment.ts';
import { startServingProcess, type ServingProcess } from '../support/serving.ts';

/** Every check of the scripts beside this file. Two processes, as both packages declare the same protobuf messages. */
const checks = [
  'tritonclient_http_descriptions',
  'tritonclient_http_infers_json_and_binary',
  'tritonclient_http_classifies',
  'tritonclient_http_compresses',
  'tritonclient_http_learns_what_is_wrong',
  'tritonclient_http_sends_text',
  'tritonclient_http_controls_the_repository',
  'tritonclient_http_aio_infers',
  'tritonclient_grpc_descriptions',
  'tritonclient_grpc_infers',
  'tritonclient_grpc_classifies_and_compresses',
  'tritonclient_grpc_streams',
  'tritonclient_grpc_learns_what_is_wrong',
  'tritonclient_grpc_sends_text',
  'tritonclient_grpc_controls_the_repository',
  'tritonclient_grpc_aio_infers_and_streams',
  'kserve_rest_v2',
  'kserve_rest_v1',
  'kserve_grpc',
  'grpc_health',
  'grpc_reflection_declares_what_triton_declares',
];

let servers: ServingProcess[] = [];
const failures = new Map<string, string | null>();

beforeAll(async () => {
  const environment = pythonEnvironment('public-clients', join(import.meta.dirname, 'requirements.txt'), '500 MB');
  servers = [
    startServingProcess({ files: { 'model.onnx': sumAndDifferenceModel() }, settings: { modelControl: 'Explicit' } }),
    startServingProcess({ files: { 'model.onnx': identityModel('STRING') } }),
  ];
  await Promise.all(servers.map((server) => server.ready()));
  const addresses = servers.flatMap(({ host, grpc }) => [`${host}:${ports.http}`, grpc]);
  for (const file of ['tritonclient_checks.py', 'kserve_checks.py']) {
    const script = join(import.meta.dirname, file);
    const { stdout } = await promisify(execFile)(pythonOf(environment), ['-B', script, ...addresses]);
    for (const line of stdout.split('\n').filter((text) => text.startsWith('{"name"'))) {
      const { name, failure } = JSON.parse(line) as { name: string; failure: string | null };
      failures.set(name, failure);
    }
  }
}, 900_000);
afterAll(() => Promise.all(servers.map((server) => server.stop())));

test.each(checks)('unmodified public clients are content: %s', (name) => {
  expect(failures.get(name) ?? (failures.has(name) ? '' : 'it did not run')).toBe('');
});

test('every check of the scripts is one of these', () => {
  expect([...failures.keys()].sort()).toEqual([...checks].sort());
});
