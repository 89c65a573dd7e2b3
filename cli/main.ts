#!/usr/bin/env node
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { ModelClientError } from '../client/errors.ts';
import { createLog } from '../lib/log.ts';
import { stopSignal } from '../lib/signals.ts';
import { KubeError } from '../operator/kube/errors.ts';
import { apply, remove, scale } from './commands/change.ts';
import { get, type GetOptions } from './commands/get.ts';
import { logs, type LogsOptions } from './commands/logs.ts';
import { predict, type PredictOptions } from './commands/predict.ts';
import { render, type RenderOptions } from './commands/render.ts';
import { run } from './commands/run.ts';
import { validate } from './commands/validate.ts';
import { CliError } from './errors.ts';
import type { Terminal } from './terminal.ts';

const stop = stopSignal(process);
const terminal: Terminal = {
  print: (text) => process.stdout.write(`${text}\n`),
  write: (text) => process.stdout.write(text),
  stdin: process.stdin,
  now: () => new Date(),
  folder: join(process.cwd(), '.modelyard'),
  env: process.env,
  stop: stop.signal,
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

const program = new Command('modelyard').description('Serve models on this machine as on a cluster.');
const command = (usage: string, description: string): Command => program.command(usage).description(description);
const withFiles = (usage: string, description: string): Command =>
  command(usage, description).requiredOption('-f, --filename <file...>', 'YAML files; - is standard input');
const withNamespace = (usage: string, description: string): Command =>
  command(usage, description).option('-n, --namespace <name>', 'namespace', 'default');

withFiles('run', 'run the deployments of YAML files on this machine until Ctrl-C')
  .option('-v, --verbose', "show the operator's log too")
  .action(({ filename, verbose }: Files & { verbose?: boolean }) =>
    run(terminal, filename, { log: createLog('operator', verbose === true ? 'info' : 'error') }),
  );
withNamespace('get <kind> [name]', 'show objects of the running session')
  .option('-o, --output <format>', outputs.join(', '), output, 'table')
  .action((kind: string, name: string | undefined, options: GetOptions) => get(terminal, kind, name, options));
withNamespace('predict <name>', 'send an image or tensors to a deployment and print its answer')
  .option('--image <file>', 'a JPEG or PNG file')
  .option('--input <json>', 'tensors: the inputs of an Open Inference Protocol request, or @FILE')
  .option('--url <url>', 'where it answers, instead of the running session')
  .option('--grpc', 'ask over gRPC')
  .action((name: string, options: PredictOptions) => predict(terminal, name, options));
withNamespace('logs <name>', 'show what the pods of a deployment wrote')
  .option('-f, --follow', 'go on until Ctrl-C')
  .action((name: string, options: LogsOptions) => logs(terminal, name, options));
withFiles('apply', 'apply YAML files to the running session').action(({ filename }: Files) =>
  apply(terminal, filename),
);
withNamespace('delete <kind> <name>', 'delete an object of the running session').action(
  (kind: string, name: string, { namespace }: InNamespace) => remove(terminal, kind, name, namespace),
);
withNamespace('scale <name>', 'set the number of pods of a deployment')
  .requiredOption('--replicas <number>', 'pods')
  .action((name: string, { namespace, replicas }: InNamespace & { replicas: string }) =>
    scale(terminal, name, replicas, namespace),
  );
withFiles('render', 'print the objects that the operator would apply on a cluster')
  .option('--image <name>', "the runtime's image", 'modelyard-runtime:latest')
  .option('--operator-namespace <name>', "the operator's namespace", 'modelyard-system')
  .action(({ filename, ...options }: Files & RenderOptions) => render(terminal, filename, options));
withFiles('validate', 'say whether a cluster would take the objects of YAML files').action(({ filename }: Files) =>
  validate(terminal, filename),
);

/** A reader that went away, such as `head`, ends the command and is no error. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

try {
  await program.parseAsync();
  if (stop.signal.aborted) process.exitCode = 130;
} catch (error) {
  const expected = [CliError, KubeError, ModelClientError].some((kind) => error instanceof kind);
  if (!expected || !(error instanceof Error)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
} finally {
  stop.dispose();
}
