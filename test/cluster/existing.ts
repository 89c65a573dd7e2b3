import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { binaries } from './binaries.ts';
import type { Cluster } from './cluster.ts';
import { ClusterError } from './errors.ts';
import { kubectlFor } from './kubectl.ts';

/**
 * The cluster that `kubeconfig` leads to. `loadCommand` makes the images of an archive, whose path is appended, known to its
 * nodes, such as `kind load image-archive`.
 */
export async function existingCluster(kubeconfig: string, loadCommand: string | undefined): Promise<Cluster> {
  const kubectl = kubectlFor((await binaries('control-plane')).path('kubectl'), kubeconfig);
  const { serverVersion } = JSON.parse(await kubectl(['version', '--output=json'])) as {
    serverVersion: { gitVersion: string };
  };
  return {
    version: serverVersion.gitVersion,
    isOurs: false,
    kubeconfig,
    kubectl,
    async loadImage(archive) {
      if (loadCommand === undefined) {
        throw new ClusterError(
          'CommandFailed',
          'set MODELYARD_LOAD_IMAGES to the command that loads an image archive into the cluster, such as "kind load image-archive"',
        );
      }
      const child = spawn(`${loadCommand} "$0"`, [archive], { shell: '/bin/sh', stdio: 'inherit' });
      const [code] = (await once(child, 'exit')) as [number | null];
      if (code !== 0) throw new ClusterError('CommandFailed', `${loadCommand}: exit code ${code ?? 'none'}`);
    },
    stop: () => Promise.resolve(),
  };
}
