import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSupervisor, type Supervisor } from '../support/supervisor.ts';
import { binaries } from './binaries.ts';
import { startControlPlane } from './control-plane.ts';
import { existingCluster } from './existing.ts';
import { startKwok } from './kwok.ts';
import { kubectlFor, type Kubectl } from './kubectl.ts';
import { startNode } from './node.ts';
import { prepareMachine, startNodeNetwork } from './node-network.ts';

export interface ClusterOptions {
  /** `none`: a control plane alone. */
  node: 'none' | 'kwok' | 'containerd';
  /** Extended resources of KWOK's node, such as `{ 'nvidia.com/gpu': '4' }`. */
  extended?: Record<string, string>;
  /** See `ControlPlaneOptions`. */
  managerLimits?: { qps: number; burst: number };
}

export interface Cluster {
  /** Of the API server, such as `v1.37.2`. */
  version: string;
  /** False for one that was there before and stays: what a test makes in it, it removes. */
  isOurs: boolean;
  /** Path of a cluster administrator's kubeconfig. */
  kubeconfig: string;
  kubectl: Kubectl;
  /** Makes the images of an archive known to the node. */
  loadImage(archive: string): Promise<void>;
  /** Ends every process and removes every file. Happens by itself when this process ends in any other way. */
  stop(): Promise<void>;
}

/**
 * Starts a cluster of real Kubernetes components on this machine. Where real nodes are asked for and `KUBECONFIG` names a
 * cluster, that one is used instead.
 */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { KUBECONFIG, MODELYARD_LOAD_IMAGES } = process.env;
  if (options.node === 'containerd' && KUBECONFIG) return existingCluster(KUBECONFIG, MODELYARD_LOAD_IMAGES);
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
  { node, extended = {}, managerLimits }: ClusterOptions,
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
    ...(managerLimits === undefined ? {} : { managerLimits }),
  });
  const kubectl = kubectlFor(tools.path('kubectl'), plane.kubeconfig);
  const parts = { supervisor, binaries: tools, folder, plane, kubectl };
  if (node === 'kwok') await startKwok({ ...parts, kubeconfig: plane.kubeconfig, extended });
  const real =
    plugins === undefined || network === undefined ? undefined : await startNode({ ...parts, network, plugins });
  return {
    version: plane.version,
    isOurs: true,
    kubeconfig: plane.kubeconfig,
    kubectl,
    // Nodes played by KWOK run no image.
    loadImage: (archive) => real?.loadImage(archive) ?? Promise.resolve(),
    stop: () => supervisor.end(),
  };
}
