import { createRequire } from 'node:module';
import { torchServeVersion } from './find.ts';

const { version } = createRequire(import.meta.url)('../../../package.json') as { version: string };

const model = { in: 'path', name: 'model_name', required: true, schema: { type: 'string' } };
const modelVersion = { in: 'path', name: 'model_version', required: true, schema: { enum: [torchServeVersion, '1'] } };
const parameter = (name: string, type: string): object => ({ in: 'query', name, schema: { type } });
const query = (types: Readonly<Record<string, string>>): object[] =>
  Object.entries(types).map(([name, type]) => parameter(name, type));

const json = (description: string): object => ({ description, content: { 'application/json': {} } });
const operation = (operationId: string, parameters: object[] = [], more: object = {}): object => ({
  operationId,
  parameters,
  responses: { '200': json('The answer.'), default: json('An error: code, type and message.') },
  ...more,
});

const anyBody = { requestBody: { content: { '*/*': {} } } };
const prediction = (id: string, parameters: object[]): object => operation(id, parameters, anyBody);
const scaling = query({ min_worker: 'integer', max_worker: 'integer', synchronous: 'boolean' });
const registering = query({
  url: 'string',
  model_name: 'string',
  task: 'string',
  initial_workers: 'integer',
  batch_size: 'integer',
  max_batch_delay: 'integer',
  response_timeout: 'integer',
});

/** What is answered on this port, in OpenAPI. It is the same for everybody. */
export const apiDescription = {
  openapi: '3.0.1',
  info: {
    title: 'TorchServe APIs',
    description: 'The calls of TorchServe that Modelyard answers.',
    version,
  },
  paths: {
    '/': { options: operation('apiDescription') },
    '/api-description': { get: operation('apiDescription2') },
    '/ping': { get: operation('ping') },
    '/predictions/{model_name}': { post: prediction('predictions', [model]), put: prediction('predictions2', [model]) },
    '/predictions/{model_name}/{model_version}': {
      post: prediction('version_predictions', [model, modelVersion]),
      put: prediction('version_predictions2', [model, modelVersion]),
    },
    '/explanations/{model_name}': { post: prediction('explanations', [model]) },
    '/explanations/{model_name}/{model_version}': {
      post: prediction('version_explanations', [model, modelVersion]),
    },
    '/models': {
      get: operation('listModels', query({ limit: 'integer', next_page_token: 'string' })),
      post: operation('registerModel', registering),
    },
    '/models/{model_name}': {
      get: operation('describeModel', [model]),
      put: operation('setAutoScale', [model, ...scaling]),
      delete: operation('unregisterModel', [model]),
    },
    '/models/{model_name}/{model_version}': {
      get: operation('version_describeModel', [model, modelVersion]),
      put: operation('version_setAutoScale', [model, modelVersion, ...scaling]),
      delete: operation('version_unregisterModel', [model, modelVersion]),
    },
    '/models/{model_name}/{model_version}/set-default': {
      put: operation('setDefault', [model, modelVersion]),
    },
  },
} as const;
