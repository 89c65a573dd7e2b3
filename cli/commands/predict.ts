import { readFile } from 'node:fs/promises';
import { ModelClient, type TensorInput } from '../../client/model-client.ts';
import type { ModelDeployment } from '../../operator/api/model-deployment.gen.ts';
import { modelDeploymentKind } from '../../operator/controllers/kinds.ts';
import { CliError } from '../errors.ts';
import { tableText } from '../printer.ts';
import { ask } from '../session-client.ts';
import type { Terminal } from '../terminal.ts';

export interface PredictOptions {
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

/** The person's file, or why it cannot be read. @throws CliError BadInput */
async function content(option: string, file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new CliError('BadInput', `${option} ${file}: ${(error as Error).message}`);
  }
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

/** The model's name in URLs. @throws CliError BadInput where it is one of several and not named, NoSession */
async function modelNamed(
  terminal: Terminal,
  name: string,
  { namespace, model, url }: PredictOptions,
): Promise<string> {
  if (model !== undefined || url !== undefined) return model ?? name;
  const deployments = await ask(terminal.folder, { method: 'list', kind: modelDeploymentKind, namespace });
  const deployment = deployments.find(({ metadata }) => metadata.name === name) as ModelDeployment | undefined;
  const names = deployment?.spec.models?.map((listed) => listed.name) ?? [name];
  const [first = name] = names;
  if (names.length === 1) return first;
  throw new CliError('BadInput', `${name} serves several models; name one of them with --model: ${names.join(', ')}`);
}

/**
 * Sends one image or the model's tensors to a deployment and prints the answer.
 *
 * @throws CliError BadInput, NoSession; ModelClientError with the server's own words
 */
export async function predict(terminal: Terminal, name: string, options: PredictOptions): Promise<void> {
  const { namespace, image, input, url, grpc = false } = options;
  if ((image === undefined) === (input === undefined)) {
    throw new CliError('BadInput', 'give exactly one of --image FILE and --input JSON');
  }
  const model = await modelNamed(terminal, name, options);
  const endpoint = url === undefined ? await ask(terminal.folder, { method: 'endpoint', namespace, name }) : undefined;
  const client = grpc
    ? ModelClient.grpc(url ?? endpoint?.grpc ?? '', { model })
    : ModelClient.rest(url ?? `http://${endpoint?.http ?? ''}`, { model });
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
