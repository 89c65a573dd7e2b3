import { readLogs } from '../session-client.ts';
import type { Terminal } from '../terminal.ts';

export interface LogsOptions {
  namespace: string;
  follow?: boolean;
}

/** Prints what the pods of a deployment wrote. @throws CliError NoSession */
export async function logs(
  terminal: Terminal,
  name: string,
  { namespace, follow = false }: LogsOptions,
): Promise<void> {
  await readLogs(terminal.folder, { namespace, deployment: name, follow }, terminal.write);
}
