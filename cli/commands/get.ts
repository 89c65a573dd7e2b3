import { CliError } from '../errors.ts';
import { kindNamed } from '../kinds.ts';
import { objectsText, type Output } from '../printer.ts';
import { ask } from '../session-client.ts';
import type { Terminal } from '../terminal.ts';

export interface GetOptions {
  namespace: string;
  output: Output;
}

/** Prints the objects of a kind, or one of them. @throws CliError UnsupportedKind, NotFound, NoSession */
export async function get(
  terminal: Terminal,
  kindText: string,
  name: string | undefined,
  options: GetOptions,
): Promise<void> {
  const kind = kindNamed(kindText);
  const all = await ask(terminal.folder, { method: 'list', kind, namespace: options.namespace });
  const objects = name === undefined ? all : all.filter(({ metadata }) => metadata.name === name);
  if (objects.length === 0) {
    const what = name === undefined ? `no ${kind.plural}` : `no ${kind.kind} "${name}"`;
    const there = all.map(({ metadata }) => metadata.name).join(', ');
    throw new CliError(
      'NotFound',
      `${what} in namespace ${options.namespace}${there === '' ? '' : `; there is ${there}`}`,
    );
  }
  terminal.print(objectsText(kind, objects, options.output, terminal.now()));
}
