import { modelDeploymentKind } from '../../operator/controllers/kinds.ts';
import { CliError } from '../errors.ts';
import { readValid } from '../documents.ts';
import { kindNamed } from '../kinds.ts';
import { ask } from '../session-client.ts';
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
  const { apiVersion, kind, plural } = kindNamed(kindText);
  const there = await ask(terminal.folder, { method: 'list', kind: kindNamed(kindText), namespace });
  if (!there.some(({ metadata }) => metadata.name === name)) {
    throw new CliError('NotFound', `no ${kind} "${name}" in namespace ${namespace}; see: modelyard get ${plural}`);
  }
  await ask(terminal.folder, { method: 'remove', ref: { apiVersion, kind, name, namespace } });
  terminal.print(`${kind} ${name} deleted`);
}

/** Sets the number of pods. @throws CliError NotFound, NoSession, Refused */
export async function scale(terminal: Terminal, name: string, replicas: string, namespace: string): Promise<void> {
  if (!/^\d{1,4}$/.test(replicas)) {
    throw new CliError('BadInput', `--replicas ${replicas}: must be a whole number from 0 to 1000`);
  }
  const there = await ask(terminal.folder, { method: 'list', kind: modelDeploymentKind, namespace });
  const object = there.find(({ metadata }) => metadata.name === name);
  if (object === undefined) {
    throw new CliError('NotFound', `no ModelDeployment "${name}" in namespace ${namespace}; see: modelyard get md`);
  }
  const spec = { ...(object.spec as object), replicas: Number(replicas) };
  await ask(terminal.folder, { method: 'replace', object: { ...object, spec } });
  terminal.print(`ModelDeployment ${name} scaled to ${replicas}`);
}
