import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSupervisor, type Supervisor } from '../support/supervisor.ts';
import { binaries } from './binaries.ts';
import { startControlPlane } from './control-plane.ts';
import { startKwok } from './kwok.ts';
import { kubectlFor, type Kubectl } from './kubectl.ts';
import { startNode } from './node.ts';
import { prepareMachine, startNodeNetwork } from './node-network.ts';

export interface ClusterOptions {
  /** `none`: a control plane alone. */
  node: 'none' | 'kwok' | 'containerd';
  /** Extended resources of KWOK's node, such as `{ 'nvidia.com/gpu': '4' }`. */
  extended?: Record<string, string>;
}

export interface Cluster {
  /** Of the API server, such as `v1.37.2`. */
  version: string;
  /** Path of a cluster administrator's kubeconfig. */
  kubeconfig: string;
  kubectl: Kubectl;
  /** Writes a kubeconfig for a user in these groups and returns its path. */
  kubeconfigFor(user: string, groups?: string[]): Promise<string>;
  /** Makes the images of an archive known to the node. */
  loadImage(archive: string): Promise<void>;
  /** The host's address that pods reach, for servers that a test runs beside the cluster. */
  hostAddress: string;
  /** The folder that its processes write their logs to. */
  logs: string;
  /** Ends every process and removes every file. Happens by itself when this process ends in any other way. */
  stop(): Promise<void>;
}

/** Starts a cluster of real Kubernetes components on this machine. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), 'modelyard-cluster-'));
  const supervisor = startSupervisor();
  try {
    await supervisor.removeAtEnd(folder);
    mkdirSync(join(folder, 'logs'));
    return await start(options, folder, supervisor);
  } catch (error) {
    await supervisor.end();
    throw error;
  }
}

async function start(
  { node, extended = {} }: ClusterOptions,
  folder: string,
  supervisor: Supervisor,
): Promise<Cluster> {
  const isReal = node === 'containerd';
  const plugins = isReal ? await prepareMachine() : undefined;
  const tools = await binaries('control-plane', ...(isReal ? (['node'] as const) : []));
  const network = plugins === undefined ? undefined : await startNodeNetwork(supervisor, folder);
  const address = network?.hostAddress ?? '127.0.0.1';
  const plane = await startControlPlane({
    supervisor,
    binaries: tools,
    folder,
    address,
    ...(network === undefined ? {} : { podCidr: network.podCidr }),
  });
  const kubectl = kubectlFor(tools.path('kubectl'), plane.kubeconfig);
  const parts = { supervisor, binaries: tools, folder, plane, kubectl };
  if (node === 'kwok') await startKwok({ ...parts, kubeconfig: plane.kubeconfig, extended });
  const real =
    plugins === undefined || network === undefined ? undefined : await startNode({ ...parts, network, plugins });
  return {
    version: plane.version,
    kubeconfig: plane.kubeconfig,
    kubectl,
    kubeconfigFor: (user, groups) => plane.kubeconfigFor(user, groups),
    // Nodes played by KWOK run no image.
    loadImage: (archive) => real?.loadImage(archive) ?? Promise.resolve(),
    hostAddress: address,
    logs: join(folder, 'logs'),
    stop: () => supervisor.end(),
  };
}
