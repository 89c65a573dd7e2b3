import { CliError } from '../errors.ts';
import { kindNamed } from '../kinds.ts';
import { objectsText, type Output, tableOf } from '../printer.ts';
import { ask } from '../session-client.ts';
import type { Terminal } from '../terminal.ts';

export interface GetOptions {
  namespace: string;
  output: Output;
}

/** Prints the objects of one or more kinds, or one of them. @throws CliError UnsupportedKind, NotFound, NoSession */
export async function get(
  terminal: Terminal,
  kindsText: string,
  name: string | undefined,
  { namespace, output }: GetOptions,
): Promise<void> {
  const kinds = kindsText.split(',').map(kindNamed);
  const lists = await Promise.all(kinds.map((kind) => ask(terminal.folder, { method: 'list', kind, namespace })));
  const groups = kinds.map((kind, index) => ({
    kind,
    objects: (lists[index] ?? []).filter(({ metadata }) => name === undefined || metadata.name === name),
  }));
  if (groups.every(({ objects }) => objects.length === 0)) {
    const plurals = kinds.map(({ plural }) => plural).join(' and no ');
    const what = name === undefined ? plurals : `${kinds.map(({ kind }) => kind).join(' or ')} "${name}"`;
    const there = lists.flat().map(({ metadata }) => metadata.name);
    const cure = there.length === 0 ? '' : `; there is ${there.join(', ')}`;
    throw new CliError('NotFound', `no ${what} in namespace ${namespace}${cure}`);
  }
  if (output === 'yaml' || output === 'json') {
    terminal.print(
      objectsText(
        groups.flatMap(({ objects }) => objects),
        output,
      ),
    );
    return;
  }
  const now = terminal.now();
  const tables = groups.filter(({ objects }) => objects.length > 0);
  terminal.print(tables.map(({ kind, objects }) => tableOf(kind, objects, output, now)).join('\n\n'));
}
