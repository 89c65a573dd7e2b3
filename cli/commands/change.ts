import { modelDeploymentKind, trainingJobKind } from '../../operator/controllers/kinds.ts';
import type { KubeObject } from '../../operator/kube/object.ts';
import { CliError } from '../errors.ts';
import { readValid } from '../documents.ts';
import { kindNamed } from '../kinds.ts';
import { ask } from '../session-client.ts';
import { objectNamed } from '../targets.ts';
import type { Terminal } from '../terminal.ts';

/** Applies files to the running session. @throws CliError BadFile, InvalidObject, NoSession */
export async function apply(terminal: Terminal, files: string[]): Promise<void> {
  for (const { object } of await readValid(files, terminal.stdin)) {
    await ask(terminal.folder, { method: 'apply', object });
    terminal.print(`${object.kind} ${object.metadata.name} applied`);
  }
}

/** Deletes one object; what it owns goes with it. @throws CliError UnsupportedKind, NotFound, NoSession */
export async function remove(terminal: Terminal, kindText: string, name: string, namespace: string): Promise<void> {
  const { apiVersion, kind } = await objectNamed(terminal.folder, `${kindText}/${name}`, namespace, [
    kindNamed(kindText),
  ]);
  await ask(terminal.folder, { method: 'remove', ref: { apiVersion, kind, name, namespace } });
  terminal.print(`${kind} ${name} deleted`);
}

/** Writes another spec, whatever became of the status meanwhile. */
async function replaceSpec(terminal: Terminal, object: KubeObject, spec: object): Promise<void> {
  const metadata = { ...object.metadata };
  delete metadata.resourceVersion;
  await ask(terminal.folder, { method: 'replace', object: { ...object, metadata, spec } });
}

/**
 * Sets the number of pods of a ModelDeployment, or of workers of a TrainingJob.
 *
 * @throws CliError BadInput, NotFound, NoSession, Refused
 */
export async function scale(terminal: Terminal, target: string, replicas: string, namespace: string): Promise<void> {
  if (!/^\d{1,4}$/.test(replicas)) {
    throw new CliError('BadInput', `--replicas ${replicas}: must be a whole number from 0 to 1000`);
  }
  const object = await objectNamed(terminal.folder, target, namespace, [modelDeploymentKind, trainingJobKind]);
  const count = Number(replicas);
  const spec = object.spec as { workers?: object };
  const isJob = object.kind === trainingJobKind.kind;
  const next = isJob ? { ...spec, workers: { ...spec.workers, replicas: count } } : { ...spec, replicas: count };
  await replaceSpec(terminal, object, next);
  terminal.print(`${object.kind} ${object.metadata.name} scaled to ${count}${isJob ? ' workers' : ''}`);
}

/** Stops the pods of a job and keeps its last checkpoint, or lets it go on. @throws CliError NotFound, NoSession, Refused */
export async function setSuspended(
  terminal: Terminal,
  target: string,
  suspend: boolean,
  namespace: string,
): Promise<void> {
  const object = await objectNamed(terminal.folder, target, namespace, [trainingJobKind]);
  const spec = object.spec as { runPolicy?: object };
  await replaceSpec(terminal, object, { ...spec, runPolicy: { ...spec.runPolicy, suspend } });
  terminal.print(`TrainingJob ${object.metadata.name} ${suspend ? 'suspended' : 'resumed'}`);
}
