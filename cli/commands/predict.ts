import { ModelClient, type TensorInput } from '../../client/model-client.ts';
import type { ClientTls } from '../../client/access.ts';
import type { ModelDeployment } from '../../operator/api/model-deployment.gen.ts';
import { modelDeploymentKind } from '../../operator/controllers/kinds.ts';
import { CliError } from '../errors.ts';
import { accessOf, content, type AccessOptions } from '../model-access.ts';
import { tableText } from '../printer.ts';
import { ask } from '../session-client.ts';
import type { Terminal } from '../terminal.ts';

export interface PredictOptions extends AccessOptions {
  namespace: string;
  /** Which of several models. */
  model?: string;
  image?: string;
  input?: string;
  url?: string;
  grpc?: boolean;
}

interface OipInput {
  name: string;
  datatype: TensorInput['dataType'];
  shape: number[];
  data: unknown[];
}

/** `{"inputs":[{name,datatype,shape,data}]}`, or that list alone. @throws CliError BadInput */
async function tensors(input: string): Promise<Record<string, TensorInput>> {
  const text = input.startsWith('@') ? (await content('--input', input.slice(1))).toString() : input;
  const form = '{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[1,2]}]}';
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new CliError('BadInput', `--input: ${(error as Error).message}; write it as ${form}`);
  }
  const list = Array.isArray(parsed) ? parsed : (parsed as { inputs?: unknown } | null)?.inputs;
  if (!Array.isArray(list)) throw new CliError('BadInput', `--input: has no list of inputs; write it as ${form}`);
  return Object.fromEntries(
    (list as OipInput[]).map(({ name, datatype, shape, data }) => {
      const flat = data.flat(Infinity);
      const large = datatype === 'INT64' || datatype === 'UINT64';
      const elements = (large ? flat.map((value) => BigInt(value as number)) : flat) as TensorInput['data'];
      return [name, { dataType: datatype, shape, data: elements }];
    }),
  );
}

interface Place {
  /** `HOST:PORT`. */
  host: string;
  /** Absent: unless options ask for it, the connection is in the clear. */
  tls?: ClientTls;
}

const at = (url: string): Place => ({
  host: url.replace(/^https?:\/\//, ''),
  ...(url.startsWith('https://') ? { tls: {} } : {}),
});

/** What the session runs under that name. */
async function inSession(
  folder: string,
  name: string,
  { namespace, grpc = false }: PredictOptions,
): Promise<Place & { models: string[] }> {
  const endpoint = await ask(folder, { method: 'endpoint', namespace, name });
  const deployments = await ask(folder, { method: 'list', kind: modelDeploymentKind, namespace });
  const found = deployments.find(({ metadata }) => metadata.name === name) as ModelDeployment | undefined;
  // A certificate is for the name that the deployment has on a cluster, not for the address that it has here.
  const tls = found?.spec.access?.tls && { serverName: `${name}.${namespace}.svc` };
  const models = found?.spec.models?.map((listed) => listed.name) ?? [name];
  return { host: grpc ? endpoint.grpc : endpoint.http, ...(tls && { tls }), models };
}

/** The model's name in URLs. @throws CliError BadInput where it is one of several and not named */
function modelNamed(name: string, models: readonly string[], asked: string | undefined): string {
  const [first = name] = models;
  if (asked !== undefined || models.length === 1) return asked ?? first;
  throw new CliError('BadInput', `${name} serves several models; name one of them with --model: ${models.join(', ')}`);
}

/**
 * Sends one image or the model's tensors to a deployment and prints the answer.
 *
 * @throws CliError BadInput, NoSession; ModelClientError with the server's own words
 */
export async function predict(terminal: Terminal, name: string, options: PredictOptions): Promise<void> {
  const { image, input, url, grpc = false } = options;
  if ((image === undefined) === (input === undefined)) {
    throw new CliError('BadInput', 'give exactly one of --image FILE and --input JSON');
  }
  const { host, tls, models } =
    url === undefined ? await inSession(terminal.folder, name, options) : { ...at(url), models: [name] };
  const access = { model: modelNamed(name, models, options.model), ...(await accessOf(options, tls)) };
  const isSecure = access.tls !== undefined;
  const client = grpc
    ? ModelClient.grpc(host, access)
    : ModelClient.rest(url ?? `${isSecure ? 'https' : 'http'}://${host}`, access);
  try {
    if (image !== undefined) {
      const predictions = await client.predict(await content('--image', image), { signal: terminal.stop });
      const rows = predictions.map(({ label, score }) => [label, score.toFixed(4)]);
      terminal.print(tableText([['LABEL', 'SCORE'], ...rows]));
      return;
    }
    const outputs = await client.predict(await tensors(input ?? ''), { signal: terminal.stop });
    for (const [output, { dataType, shape, data }] of Object.entries(outputs)) {
      terminal.print(`${output} ${dataType} [${shape.join(',')}]: ${Array.from(data as ArrayLike<unknown>).join(' ')}`);
    }
  } finally {
    await client.close();
  }
}
