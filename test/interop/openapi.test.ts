import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Ajv, type ValidateFunction } from 'ajv';
import { cacheFolder } from '../../bench/cache.ts';
import { sumAndDifferenceModel } from '../support/models.ts';
import { startServingProcess, type ServingProcess } from '../support/serving.ts';

/** The protocol's OpenAPI files, as MLServer's package carries them: an oracle that we did not write. */
const oracle = 'mlserver==1.7.1';

interface OpenApi {
  paths: Record<string, Record<string, { responses: Record<string, Response> }>>;
  components: object;
}
interface Response {
  content?: { 'application/json'?: { schema: object } };
}

/** Fetched once; a wheel is a zip archive, which Python unpacks. */
function openApiFiles(): OpenApi[] {
  const folder = join(cacheFolder, `openapi-${oracle.replace('==', '-')}`);
  if (!existsSync(folder)) {
    const draft = `${folder}.part`;
    rmSync(draft, { recursive: true, force: true });
    mkdirSync(draft, { recursive: true });
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps', '--no-compile'];
    execFileSync('python3', [...pip, '--target', draft, oracle], { stdio: 'inherit' });
    renameSync(draft, folder);
  }
  // The type "bytes" is none of OpenAPI's: what is meant is text.
  const read = (file: string): OpenApi =>
    JSON.parse(readFileSync(join(folder, 'mlserver/rest/openapi', file), 'utf8'), (key, value: unknown) =>
      key === 'type' && value === 'bytes' ? 'string' : value,
    ) as OpenApi;
  return [read('dataplane.json'), read('model_repository.json')];
}

const files = openApiFiles();
/** What the files document beyond the protocol: MLServer's own way to generate text. */
const foreign = /\/(infer_stream|generate|generate_stream)$/;
const operations = files.flatMap((file) =>
  Object.entries(file.paths)
    .filter(([path]) => !foreign.test(path))
    .flatMap(([path, methods]) =>
      Object.entries(methods)
        .filter(([method]) => method !== 'parameters')
        .map(([method, { responses }]) => ({ file, path, method: method.toUpperCase(), responses })),
    ),
);
type Operation = (typeof operations)[number];

/** Undefined where nothing is said of the body. */
function validator({ file, responses }: Operation, status: number): ValidateFunction | undefined {
  const schema = responses[status]?.content?.['application/json']?.schema;
  if (!schema) return undefined;
  const ajv = new Ajv({ strict: false, validateFormats: false });
  return ajv.compile({ ...schema, components: file.components });
}

let serving: ServingProcess;

beforeAll(async () => {
  serving = startServingProcess({
    files: { 'model.onnx': sumAndDifferenceModel() },
    settings: { modelControl: 'Explicit' },
  });
  await serving.ready();
});
afterAll(() => serving.stop());

async function call(operation: Operation, model: string, body?: string): Promise<{ status: number; json: unknown }> {
  const path = operation.path.replace('{model_name}', model).replace('{model_version}', '1');
  const answer = await fetch(`${serving.url}${path}`, {
    method: operation.method,
    ...(body !== undefined && { body, headers: { 'content-type': 'application/json' } }),
  });
  const text = await answer.text();
  return { status: answer.status, json: text === '' ? undefined : JSON.parse(text) };
}

function expectDocumented(operation: Operation, { status, json }: { status: number; json: unknown }): void {
  const validate = validator(operation, status);
  if (validate && !validate(json)) throw new Error(`${JSON.stringify(json)}: ${JSON.stringify(validate.errors)}`);
}

const tensor = (name: string): Record<string, unknown> => ({ name, shape: [1, 2], datatype: 'FP32', data: [1, 2] });
const inference = (): { inputs: Record<string, unknown>[] } => ({ inputs: [tensor('a'), tensor('b')] });
const bodyOf = ({ path, method }: Operation): string | undefined => {
  if (path.endsWith('/infer')) return JSON.stringify(inference());
  return method === 'POST' ? '{}' : undefined;
};

describe('every documented call', () => {
  test.each(operations.map((operation) => [operation.method, operation.path, operation] as const))(
    '%s %s is answered as the document says',
    async (_method, _path, operation) => {
      const answer = await call(operation, 'model', bodyOf(operation));
      expect(answer.status).toBe(200);
      expectDocumented(operation, answer);
      if (operation.path.endsWith('/unload'))
        await fetch(`${serving.url}/v2/repository/models/model/load`, { method: 'POST' });
    },
  );

  const ofModels = operations.filter(({ path }) => path.includes('{model_name}'));
  test.each(ofModels.map((operation) => [operation.method, operation.path, operation] as const))(
    '%s %s says that there is no such model',
    async (_method, _path, operation) => {
      const answer = await call(operation, 'other', bodyOf(operation));
      expect(answer.status).toBe(404);
      expect(answer.json).toEqual({ error: 'model "other" is not here; this serves "model"' });
      expectDocumented(operation, answer);
    },
  );
});

const infers = operations.filter(({ path }) => path.endsWith('/infer'));

describe.each(infers.map((operation) => [operation.path, operation] as const))('%s', (_path, operation) => {
  test.each(['name', 'shape', 'datatype', 'data'])('needs the %s of an input', async (field) => {
    const body = inference();
    Reflect.deleteProperty(body.inputs[1] ?? {}, field);
    const answer = await call(operation, 'model', JSON.stringify(body));
    expect(answer.status).toBe(400);
    expect((answer.json as { error: string }).error).toMatch(new RegExp(`^inputs\\[1\\]\\.${field}: `));
    expectDocumented(operation, answer);
  });

  test.each([
    ['inputs', '{}', /^inputs: must be an array/],
    ['JSON', 'no', /^body: not valid JSON/],
    ['anything', '', /^body: not valid JSON/],
  ])('needs %s', async (_what, body, message) => {
    const answer = await call(operation, 'model', body);
    expect(answer.status).toBe(400);
    expect((answer.json as { error: string }).error).toMatch(message);
    expectDocumented(operation, answer);
  });
});

test('what the documents say beyond the protocol is not here, and is said to be', async () => {
  const answer = await fetch(`${serving.url}/v2/models/model/generate`, { method: 'POST', body: '{}' });
  expect(answer.status).toBe(404);
  expect(await answer.json()).toEqual({ error: 'no such path; see GET /v2' });
});
