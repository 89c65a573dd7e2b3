import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Supervisor } from '../support/supervisor.ts';
import { ClusterError } from './errors.ts';

const run = promisify(execFile);

/** A machine within this one: its own network, mounts and process ids, joined to the host by one virtual cable. */
export interface NodeNetwork {
  /** The host's end of the cable; the API server listens here. */
  hostAddress: string;
  /** The node's end. */
  nodeAddress: string;
  /** The host has a route there. */
  podCidr: string;
  /** The control groups of its pods. */
  cgroup: string;
  /** What to put before a command that shall run in it. */
  enter: string[];
}

/** The tools of a node that come from the distribution, and the Debian package of each. */
const tools = { unshare: 'util-linux', nsenter: 'util-linux', ip: 'iproute2', nft: 'nftables', runc: 'runc' };
const folders = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
const pluginFolders = ['/usr/lib/cni', '/opt/cni/bin'];

const pluginFolder = () => pluginFolders.find((folder) => existsSync(join(folder, 'ptp')));

function missingPackages(): string[] {
  const missing = Object.entries(tools)
    .filter(([tool]) => !folders.some((folder) => existsSync(join(folder, tool))))
    .map(([, name]) => name);
  return [...new Set([...missing, ...(pluginFolder() === undefined ? ['containernetworking-plugins'] : [])])];
}

/**
 * Checks that this machine can hold a node, installs what apt-get can, and returns the folder of the CNI plugins.
 * @throws ClusterError NotRoot, PackageMissing
 */
export async function prepareMachine(): Promise<string> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    throw new ClusterError('NotRoot', 'A node with containerd needs Linux and root; or set KUBECONFIG to a cluster.');
  const missing = missingPackages();
  if (missing.length > 0) {
    process.stderr.write(`Installing ${missing.join(', ')} with apt-get\n`);
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    try {
      await run('apt-get', ['update'], { env });
      await run('apt-get', ['install', '-y', '--no-install-recommends', ...missing], { env });
    } catch (error) {
      throw new ClusterError(
        'PackageMissing',
        `Install ${missing.join(', ')} by hand; apt-get failed: ${String(error)}`,
      );
    }
  }
  const plugins = pluginFolder();
  if (plugins === undefined || missingPackages().length > 0)
    throw new ClusterError('PackageMissing', `Still missing after apt-get: ${missingPackages().join(', ')}`);
  return plugins;
}

/** A number whose addresses nobody on this machine uses. */
function freeNumber(): number {
  const used = new Set(Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address)));
  for (let number = process.pid % 250; ; number = (number + 1) % 250) {
    if (!used.has(`10.211.${number}.1`)) return number;
  }
}

/** The only child of `unshare` is the first process of the new namespaces. */
async function childOf(pid: number): Promise<number> {
  for (let attempt = 0; attempt < 500; attempt += 1) {
    const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').map(Number).filter(Boolean);
    if (child !== undefined) return child;
    await delay(10);
  }
  throw new ClusterError('NotReady', 'unshare started no process');
}

function cgroupsOf(name: string): string[] {
  const root = '/sys/fs/cgroup';
  if (existsSync(join(root, 'cgroup.controllers'))) return [join(root, name)];
  return readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, , type]) => type === 'cgroup' || type === 'cgroup2')
    .map(([, path = '']) => join(path, name));
}

/** Ends with everything in it when its first process ends; only its control groups have to be removed by name. */
export async function startNodeNetwork(supervisor: Supervisor, folder: string): Promise<NodeNetwork> {
  const number = freeNumber();
  const cgroup = `modelyard-${number}`;
  const cable = `modelyard${number}`;
  const addresses = { hostAddress: `10.211.${number}.1`, nodeAddress: `10.211.${number}.2` };
  const podCidr = `10.212.${number}.0/24`;

  const cgroups = cgroupsOf(cgroup);
  // The kernel lets go of them a moment after the last process in them ended.
  const removed = `for try in {1..100}; do
    find "$@" -depth -type d -exec rmdir {} +
    left=; for path; do [ -e "$path" ] && left=1; done
    [ "$left" ] || break
    sleep 0.1
  done`;
  await supervisor.atEnd(['bash', '-c', removed, 'bash', ...cgroups]);
  await run('mkdir', ['-p', ...cgroups]);

  // /run and /var/log are its own, so that no path of the host's services is met. Bash reaps what is orphaned.
  const init = `mount -t tmpfs tmpfs /run && mkdir /run/lock '${folder}/var-log' && mount --bind '${folder}/var-log' /var/log \\
    && touch /run/ready && while :; do sleep 3600 & wait $!; done`;
  const { pid } = await supervisor.start({
    name: 'node',
    argv: [
      ...['unshare', '--net', '--mount', '--ipc', '--pid', '--fork', '--kill-child', '--mount-proc'],
      ...['--propagation', 'private', 'bash', '-c', init],
    ],
    log: join(folder, 'logs', 'node.log'),
    signal: 'SIGKILL',
  });
  const first = await childOf(pid);
  const enter = ['nsenter', '--target', String(first), '--net', '--mount', '--ipc', '--pid', '--'];
  while (!existsSync(`/proc/${first}/root/run/ready`)) await delay(10);

  const { hostAddress, nodeAddress } = addresses;
  const steps = [
    `ip link add ${cable} type veth peer name eth0 netns ${first}`,
    `ip address add ${hostAddress}/30 dev ${cable}`,
    `ip link set ${cable} up`,
    `${enter.join(' ')} ip link set lo up`,
    `${enter.join(' ')} ip address add ${nodeAddress}/30 dev eth0`,
    `${enter.join(' ')} ip link set eth0 up`,
    `${enter.join(' ')} ip route add default via ${hostAddress}`,
    `${enter.join(' ')} sysctl -q -w net.ipv4.ip_forward=1`,
    `ip route add ${podCidr} via ${nodeAddress}`,
  ];
  for (const step of steps) {
    const [command = '', ...args] = step.split(' ');
    await run(command, args);
  }
  return { ...addresses, podCidr, cgroup, enter };
}
