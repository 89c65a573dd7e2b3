import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { ClusterError } from './errors.ts';

/** Runs kubectl with these arguments, `input` on its standard input, and returns what it printed. */
export type Kubectl = (args: readonly string[], input?: string) => Promise<string>;

/** @throws ClusterError CommandFailed with what kubectl wrote to standard error */
export function kubectlFor(command: string, kubeconfig: string): Kubectl {
  return async (args, input) => {
    const child = spawn(command, [`--kubeconfig=${kubeconfig}`, ...args], { stdio: 'pipe' });
    child.stdin.end(input);
    const [out, err, code] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      new Promise<number | null>((resolve, reject) => {
        child.once('error', reject);
        child.once('close', resolve);
      }),
    ]);
    if (code !== 0) throw new ClusterError('CommandFailed', `kubectl ${args.join(' ')}: ${err.trim()}`);
    return out;
  };
}
