import { execFile } from 'node:child_process';
import { mkdirSync, statfsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import type { Supervisor } from '../support/supervisor.ts';
import type { Binaries, Binary } from './binaries.ts';
import type { ControlPlane } from './control-plane.ts';
import { ClusterError } from './errors.ts';
import { writeImageArchive } from './image.ts';
import type { Kubectl } from './kubectl.ts';
import type { NodeNetwork } from './node-network.ts';

const run = promisify(execFile);

const nodeName = 'modelyard-node';
const pauseImage = 'modelyard.test/pause:1';
const socket = '/run/containerd/containerd.sock';
const readyMs = 180_000;
const overlayMagic = 0x794c7630;

export interface NodeOptions {
  supervisor: Supervisor;
  binaries: Binaries;
  folder: string;
  network: NodeNetwork;
  /** The folder of the CNI plugins. */
  plugins: string;
  plane: ControlPlane;
  kubectl: Kubectl;
}

export interface Node {
  /** Makes the images of an archive known to the kubelet. */
  loadImage(archive: string): Promise<void>;
}

function containerdConfig(folder: string, plugins: string): string {
  // An overlay cannot lie on an overlay, which is where a test in a container has its temporary files.
  const snapshotter = statfsSync(folder).type === overlayMagic ? 'native' : 'overlayfs';
  return `version = 3
root = "${folder}/containerd"
state = "/run/containerd"
[grpc]
address = "${socket}"
[plugins."io.containerd.cri.v1.images"]
snapshotter = "${snapshotter}"
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "${pauseImage}"
[plugins."io.containerd.cri.v1.runtime"]
restrict_oom_score_adj = true
[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["${plugins}"]
conf_dir = "${folder}/cni"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
`;
}

/** Every pod is routed, so that its answers pass the node's address translation without a bridge filter. */
function networkConfig({ podCidr }: NodeNetwork): string {
  const ipam = {
    type: 'host-local',
    ranges: [[{ subnet: podCidr }]],
    routes: [{ dst: '0.0.0.0/0' }],
    dataDir: '/run/cni',
  };
  return JSON.stringify({ cniVersion: '1.0.0', name: 'modelyard', plugins: [{ type: 'ptp', ipMasq: false, ipam }] });
}

function kubeletConfig(folder: string, { nodeAddress, cgroup }: NodeNetwork, ca: string): string {
  return stringify({
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address: nodeAddress,
    authentication: { anonymous: { enabled: false }, webhook: { enabled: true }, x509: { clientCAFile: ca } },
    authorization: { mode: 'Webhook' },
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${cgroup}`,
    clusterDNS: [nodeAddress],
    clusterDomain: 'cluster.local',
    containerRuntimeEndpoint: `unix://${socket}`,
    enforceNodeAllocatable: [],
    evictionHard: { 'memory.available': '0%', 'nodefs.available': '0%', 'imagefs.available': '0%' },
    imageGCHighThresholdPercent: 100,
    failCgroupV1: false,
    failSwapOn: false,
    makeIPTablesUtilChains: false,
    nodeStatusUpdateFrequency: '5s',
    resolvConf: join(folder, 'resolv.conf'),
    volumePluginDir: join(folder, 'volume-plugins'),
  });
}

function proxyConfig(kubeconfig: string, { nodeAddress, podCidr }: NodeNetwork): string {
  return stringify({
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'nftables',
    bindAddress: nodeAddress,
    clusterCIDR: podCidr,
    hostnameOverride: nodeName,
    clientConnection: { kubeconfig },
    // Zero leaves the kernel's limits alone: they are the host's.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
  });
}

function dnsConfig(kubeconfig: string, { nodeAddress }: NodeNetwork): string {
  return `.:53 {
  bind ${nodeAddress}
  errors
  kubernetes cluster.local in-addr.arpa {
    kubeconfig ${kubeconfig}
    ttl 1
  }
}
`;
}

/**
 * Starts containerd, kubelet, kube-proxy and CoreDNS within the node's namespaces. Pods reach each other, Services by name
 * and address, and the host's end of the cable. Nothing enforces NetworkPolicies, and nothing beyond the host is reached.
 */
export async function startNode(options: NodeOptions): Promise<Node> {
  const { supervisor, binaries, folder, network, plane } = options;
  const file = (name: string, text: string) => {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  const path = [dirname(binaries.path('containerd')), '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'];
  const start = (name: Binary, flags: string[]) =>
    supervisor.start({
      name,
      argv: [...network.enter, binaries.path(name), ...flags],
      env: { PATH: path.join(':') },
      log: join(folder, 'logs', `${name}.log`),
      signal: 'SIGKILL',
    });

  file('cni/10-modelyard.conflist', networkConfig(network));
  await start('containerd', ['--config', file('containerd.toml', containerdConfig(folder, options.plugins))]);
  const pause = join(folder, 'pause.tar');
  await writeImageArchive(pause, {
    name: pauseImage,
    layers: [[{ path: '/pause', from: binaries.path('pause'), mode: 0o755 }]],
    entrypoint: ['/pause'],
    user: '65535:65535',
  });
  const [command = '', ...entered] = network.enter;
  const ctr = (...args: string[]) =>
    run(command, [...entered, binaries.path('ctr'), '--address', socket, '--namespace', 'k8s.io', ...args]);
  const loadImage = async (archive: string) => {
    await ctr('images', 'import', archive);
  };
  await eventually('containerd', () => ctr('version'));
  await loadImage(pause);

  file('resolv.conf', '');
  const ca = file('node-ca.crt', plane.ca);
  await start('kubelet', [
    `--config=${file('kubelet.yaml', kubeletConfig(folder, network, ca))}`,
    `--kubeconfig=${await plane.kubeconfigFor(`system:node:${nodeName}`, ['system:nodes'])}`,
    `--root-dir=${join(folder, 'kubelet')}`,
    `--cert-dir=${join(folder, 'kubelet-certificates')}`,
    `--hostname-override=${nodeName}`,
    `--node-ip=${network.nodeAddress}`,
  ]);
  const proxy = await plane.kubeconfigFor('system:kube-proxy');
  await start('kube-proxy', [`--config=${file('kube-proxy.yaml', proxyConfig(proxy, network))}`]);
  const dns = await plane.kubeconfigFor('coredns', ['system:masters']);
  await start('coredns', ['-conf', file('Corefile', dnsConfig(dns, network))]);

  await eventually('the node', () =>
    options.kubectl(['wait', '--for=condition=Ready', `node/${nodeName}`, '--timeout=5s']),
  );
  return { loadImage };
}

async function eventually(what: string, attempt: () => Promise<unknown>): Promise<void> {
  const deadline = performance.now() + readyMs;
  for (;;) {
    try {
      await attempt();
      return;
    } catch (error) {
      if (performance.now() > deadline) throw new ClusterError('NotReady', `${what} is not ready: ${String(error)}`);
      await delay(200);
    }
  }
}
