import { targetNamed } from '../kinds.ts';
import { readLogs } from '../session-client.ts';
import type { Terminal } from '../terminal.ts';

export interface LogsOptions {
  namespace: string;
  follow?: boolean;
}

/**
 * Prints what the pods of a deployment or of a job wrote, each line after its pod's name; or what one pod wrote, as it is.
 *
 * @throws CliError NoSession, Refused where nothing has the name
 */
export async function logs(
  terminal: Terminal,
  target: string,
  { namespace, follow = false }: LogsOptions,
): Promise<void> {
  const { kind, name } = targetNamed(target);
  const query = { namespace, name, ...(kind === undefined ? {} : { kind: kind.kind }) };
  await readLogs(terminal.folder, { ...query, follow }, terminal.write, terminal.stop);
}
