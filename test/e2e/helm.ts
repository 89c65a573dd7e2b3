import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { binaries } from '../cluster/binaries.ts';

const run = promisify(execFile);

export const chart = join(import.meta.dirname, '..', '..', 'charts', 'modelyard');

/** Runs helm with these arguments and returns what it printed. Rejects with what it wrote to standard error. */
export type Helm = (args: readonly string[]) => Promise<string>;

/** `kubeconfig` is absent where only files are read. */
export async function helmFor(kubeconfig?: string): Promise<Helm> {
  const command = (await binaries('control-plane')).path('helm');
  const cluster = kubeconfig === undefined ? [] : [`--kubeconfig=${kubeconfig}`];
  return async (args) => (await run(command, [...args, ...cluster], { maxBuffer: 64 << 20 })).stdout;
}
