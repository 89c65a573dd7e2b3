import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { binaries } from './binaries.ts';
import type { Cluster } from './cluster.ts';
import { ClusterError } from './errors.ts';
import { kubectlFor } from './kubectl.ts';

const run = promisify(execFile);

/**
 * The cluster that a kubeconfig names, instead of one of our own. Images get onto its nodes by the command in
 * MODELYARD_TEST_LOAD_IMAGE, to which the path of an archive is added, such as `kind load image-archive`.
 */
export async function existingCluster(kubeconfig: string): Promise<Cluster> {
  const kubectl = kubectlFor((await binaries('control-plane')).path('kubectl'), kubeconfig);
  const { serverVersion } = JSON.parse(await kubectl(['version', '--output=json'])) as {
    serverVersion: { gitVersion: string };
  };
  const missing = (what: string) => new ClusterError('NotReady', `${what} on an existing cluster; unset KUBECONFIG`);
  return {
    version: serverVersion.gitVersion,
    kubeconfig,
    kubectl,
    kubeconfigFor: () => Promise.reject(missing('nobody can make users')),
    async loadImage(archive) {
      const [command, ...args] = (process.env.MODELYARD_TEST_LOAD_IMAGE ?? '').split(' ').filter(Boolean);
      if (command === undefined)
        throw missing('set MODELYARD_TEST_LOAD_IMAGE to a command that loads an image archive, or nothing can be run');
      await run(command, [...args, archive]);
    },
    hostAddress: '127.0.0.1',
    logs: '',
    stop: () => Promise.resolve(),
  };
}
