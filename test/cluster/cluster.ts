import { mkdtempSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSupervisor } from '../support/supervisor.ts';
import { binaries } from './binaries.ts';
import { startControlPlane } from './control-plane.ts';
import { kubectlFor, type Kubectl } from './kubectl.ts';

export interface ClusterOptions {
  /** `none`: a control plane alone. */
  node: 'none' | 'kwok' | 'containerd';
}

export interface Cluster {
  /** Such as `v1.37.2`. */
  version: string;
  /** Path of a cluster administrator's kubeconfig. */
  kubeconfig: string;
  kubectl: Kubectl;
  /** Writes a kubeconfig for a user in these groups and returns its path. */
  kubeconfigFor(user: string, groups?: string[]): Promise<string>;
  /** Where its processes write their logs. */
  logs: string;
  /** Ends every process and removes every file. Happens by itself when this process ends in any other way. */
  stop(): Promise<void>;
}

/** Starts a cluster of real Kubernetes components on this machine. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const tools = await binaries('control-plane', ...(options.node === 'containerd' ? (['node'] as const) : []));
  const folder = mkdtempSync(join(tmpdir(), 'modelyard-cluster-'));
  const supervisor = startSupervisor();
  try {
    await supervisor.removeAtEnd(folder);
    const logs = join(folder, 'logs');
    mkdirSync(logs);
    const plane = await startControlPlane({ supervisor, binaries: tools, folder, address: '127.0.0.1' });
    return {
      version: plane.version,
      kubeconfig: plane.kubeconfig,
      kubectl: kubectlFor(tools.path('kubectl'), plane.kubeconfig),
      kubeconfigFor: (user, groups) => plane.kubeconfigFor(user, groups),
      logs,
      stop: () => supervisor.end(),
    };
  } catch (error) {
    await supervisor.end();
    throw error;
  }
}
