import * as v from 'valibot';
import { servedTasks, type Fault, type FaultReason, type ListedModel } from '../../contract.ts';
import { ModelFault } from '../../errors.ts';
import { modelName } from '../model-list.ts';
import type { RegisteredModels, RegisteredSettings } from '../registered-models.ts';
import { badRequest, TorchServeError } from './errors.ts';
import { torchServeVersion } from './find.ts';
import type { Parameters } from './parameters.ts';
import { checkedUri } from './registered-uri.ts';

/** `handler` and `runtime`, which name code to run, are none of them; `task` is ours. */
export const registerParameters = [
  'url',
  'model_name',
  'task',
  'initial_workers',
  'batch_size',
  'max_batch_delay',
  'response_timeout',
  'synchronous',
];

/** Serves a model by its URI. Returns what TorchServe says then. Rejects with TorchServeError or RequestError. */
export async function register(parameters: Parameters, registered: RegisteredModels): Promise<string> {
  const uri = await checkedUri(parameters.text('url'), registered.specUris);
  const listed: ListedModel = { name: nameIn(parameters, uri), uri: uri.href, task: taskIn(parameters) };
  const settings = settingsIn(parameters);
  const workers = parameters.whole('initial_workers', 0, 1_000) ?? 0;
  // Another than the caller's choice would surprise: a registration always waits until the model can run.
  parameters.flag('synchronous');
  if (!registered.isFree(listed.name)) throw alreadyRegistered(listed.name);
  await added(listed, settings, workers, registered);
  const told = `Model "${listed.name}" Version: ${torchServeVersion} registered with ${Math.min(workers, 1)} initial workers`;
  return workers === 0 ? `${told}. Use scale workers API to add workers for the model.` : told;
}

/** A model without workers was loaded as well: one that cannot run is not registered. */
async function added(
  listed: ListedModel,
  settings: RegisteredSettings,
  workers: number,
  registered: RegisteredModels,
): Promise<void> {
  const model = await registered.add(listed, settings).catch((error: unknown) => {
    throw error instanceof ModelFault ? refusedFor(error.fault) : error;
  });
  if (workers === 0) await model.unload();
}

const loadFailures: Partial<Record<FaultReason, ConstructorParameters<typeof TorchServeError>[1]>> = {
  InvalidModel: 'InvalidModelException',
  UnsupportedModel: 'InvalidModelException',
  ModelCrashed: 'InvalidModelException',
  OutOfMemory: 'InternalServerException',
  LoadTimeout: 'InternalServerException',
  AcceleratorUnavailable: 'InternalServerException',
};

/** TorchServe tells a model that is not there, one that cannot be read and one that is none from each other. */
function refusedFor({ reason, message }: Fault): TorchServeError {
  if (reason === 'ModelNotFound') return new TorchServeError(404, 'ModelNotFoundException', message);
  const type = loadFailures[reason] ?? 'DownloadArchiveException';
  return new TorchServeError(type === 'InternalServerException' ? 500 : 400, type, `${reason}: ${message}`);
}

const alreadyRegistered = (name: string): TorchServeError =>
  new TorchServeError(
    409,
    'ConflictStatusException',
    `Model version ${torchServeVersion} is already registered for model ${name}`,
  );

function nameIn(parameters: Parameters, { pathname }: URL): string {
  const given = parameters.text('model_name');
  const parts = pathname.split('/').filter((part) => part !== '');
  const last = parts.at(-1) ?? '';
  const derived = /^model\.(onnx|ort)$/.test(last) ? parts.at(-2) : last.replace(/\.(onnx|ort|tar|tar\.gz|tgz)$/, '');
  const name = given ?? derived ?? '';
  if (v.safeParse(modelName, name).success) return name;
  throw badRequest(
    'model_name: must be up to 100 letters, digits, "-", "_" and ".", with a letter or digit at both ends',
  );
}

function taskIn(parameters: Parameters): ListedModel['task'] {
  const given = parameters.text('task') ?? 'Tensor';
  const task = servedTasks.find((known) => known === given);
  if (task === undefined) throw badRequest(`task: must be one of ${servedTasks.join(', ')}`);
  return task;
}

function settingsIn(parameters: Parameters): RegisteredSettings {
  const batchMaxSize = parameters.whole('batch_size', 1, 1_024);
  const batchMaxDelayMs = parameters.whole('max_batch_delay', 0, 3_600_000);
  const timeout = parameters.whole('response_timeout', 1, 3_600);
  return {
    ...(batchMaxSize !== undefined && { batchMaxSize }),
    ...(batchMaxDelayMs !== undefined && { batchMaxDelayMs }),
    ...(timeout !== undefined && { timeoutMs: timeout * 1_000 }),
  };
}
