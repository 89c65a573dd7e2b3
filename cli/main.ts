#!/usr/bin/env node
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { ModelClientError } from '../client/errors.ts';
import { createLog } from '../lib/log.ts';
import { exitCodeOf, stopSignal } from '../lib/signals.ts';
import { KubeError } from '../operator/kube/errors.ts';
import { apply, remove, scale, setSuspended } from './commands/change.ts';
import { get, type GetOptions } from './commands/get.ts';
import { logs, type LogsOptions } from './commands/logs.ts';
import { predict, type PredictOptions } from './commands/predict.ts';
import { render, type RenderOptions } from './commands/render.ts';
import { run } from './commands/run.ts';
import { validate } from './commands/validate.ts';
import { CliError } from './errors.ts';
import { outputTo } from './output.ts';
import type { Terminal } from './terminal.ts';

const stop = stopSignal(process);
/** Aborts when nobody reads standard output any more: a reader such as `head` is done, or the terminal is closed. */
const unread = new AbortController();
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
    unread.abort();
  });
}

const terminal: Terminal = {
  ...outputTo(process.stdout),
  stdin: process.stdin,
  now: () => new Date(),
  folder: join(process.cwd(), '.modelyard'),
  env: process.env,
  stop: AbortSignal.any([stop.signal, unread.signal]),
};

const outputs = ['table', 'wide', 'yaml', 'json'] as const;
function output(text: string): (typeof outputs)[number] {
  const found = outputs.find((name) => name === text);
  if (found === undefined) throw new InvalidArgumentError(`one of ${outputs.join(', ')}`);
  return found;
}

interface Files {
  filename: string[];
}
interface InNamespace {
  namespace: string;
}

const program = new Command('modelyard').description('Train and serve models on this machine as on a cluster.');
const command = (usage: string, description: string): Command => program.command(usage).description(description);
const withFiles = (usage: string, description: string): Command =>
  command(usage, description).requiredOption('-f, --filename <file...>', 'YAML files; - is standard input');
const withNamespace = (usage: string, description: string): Command =>
  command(usage, description).option('-n, --namespace <name>', 'namespace', 'default');

withFiles('run', 'run the jobs and deployments of YAML files on this machine')
  .option('-v, --verbose', 'show the whole log of the operator and of training pods')
  .action(async ({ filename, verbose = false }: Files & { verbose?: boolean }) => {
    const good = await run(terminal, filename, { log: createLog('operator', verbose ? 'info' : 'error'), verbose });
    process.exitCode = good ? 0 : 1;
  });
withNamespace('get <kinds> [name]', 'show objects of the running session, such as md,tj')
  .option('-o, --output <format>', outputs.join(', '), output, 'table')
  .action((kinds: string, name: string | undefined, options: GetOptions) => get(terminal, kinds, name, options));
withNamespace('predict <name>', 'send an image or tensors to a deployment and print its answer')
  .option('--model <name>', 'which of several models of the deployment')
  .option('--image <file>', 'a JPEG or PNG file')
  .option('--input <json>', 'tensors: the inputs of an Open Inference Protocol request, or @FILE')
  .option('--url <url>', 'where it answers, instead of the running session')
  .option('--grpc', 'ask over gRPC')
  .option('--api-key-file <file>', 'holds an API key')
  .option('--token-file <file>', 'holds a token of the OpenID Connect issuer')
  .option('--ca <file>', 'the authority of the server, PEM')
  .option('--cert <file>', 'a certificate to show, PEM')
  .option('--key <file>', 'the key of that certificate, PEM')
  .option('--server-name <name>', "what the server's certificate must be for")
  .action((name: string, options: PredictOptions) => predict(terminal, name, options));
withNamespace('logs <name>', 'show what the pods of a deployment or job wrote, or one pod; also KIND/NAME')
  .option('-f, --follow', 'go on until Ctrl-C')
  .action((name: string, options: LogsOptions) => logs(terminal, name, options));
withFiles('apply', 'apply YAML files to the running session').action(({ filename }: Files) =>
  apply(terminal, filename),
);
withNamespace('delete <kind> <name>', 'delete an object of the running session').action(
  (kind: string, name: string, { namespace }: InNamespace) => remove(terminal, kind, name, namespace),
);
withNamespace('scale <name>', 'set the number of pods of a deployment, or of workers of a job; also KIND/NAME')
  .requiredOption('--replicas <number>', 'pods or workers')
  .action((name: string, { namespace, replicas }: InNamespace & { replicas: string }) =>
    scale(terminal, name, replicas, namespace),
  );
withNamespace('suspend <name>', 'stop the pods of a job and keep its last checkpoint').action(
  (name: string, { namespace }: InNamespace) => setSuspended(terminal, name, true, namespace),
);
withNamespace('resume <name>', 'let a suspended job go on').action((name: string, { namespace }: InNamespace) =>
  setSuspended(terminal, name, false, namespace),
);
withFiles('render', 'print the objects that the operator would apply on a cluster')
  .option('--image <name>', "the runtime's image", 'modelyard-runtime:latest')
  .option('--operator-namespace <name>', "the operator's namespace", 'modelyard-system')
  .action(({ filename, ...options }: Files & RenderOptions) => render(terminal, filename, options));
withFiles('validate', 'say whether a cluster would take the objects of YAML files').action(({ filename }: Files) =>
  validate(terminal, filename),
);

try {
  await program.parseAsync();
  process.exitCode = exitCodeOf(stop.signal) ?? process.exitCode;
} catch (error) {
  const expected = [CliError, KubeError, ModelClientError].some((kind) => error instanceof kind);
  if (!expected || !(error instanceof Error)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
} finally {
  stop.dispose();
}
