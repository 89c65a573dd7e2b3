import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Agent, fetch } from 'undici';
import { stringify } from 'yaml';
import { freePort } from '../support/free-port.ts';
import type { Exit, Supervisor } from '../support/supervisor.ts';
import type { Binaries, Binary } from './binaries.ts';
import { certificateAuthority, type Authority, type Identity } from './certificates.ts';
import { ClusterError } from './errors.ts';

export interface ControlPlaneOptions {
  supervisor: Supervisor;
  binaries: Binaries;
  /** An empty folder for data, logs and credentials. */
  folder: string;
  /** The address the API server listens on. */
  address: string;
  /** Where pods get addresses from: given when a node with a network of its own follows. */
  podCidr?: string;
  /** Instead of limits so high that they never matter: the requests per second and at once of kube-controller-manager. */
  managerLimits?: { qps: number; burst: number };
}

export interface ControlPlane {
  /** `https://ADDRESS:PORT` */
  url: string;
  /** PEM of the authority that signed the API server's certificate. */
  ca: string;
  authority: Authority;
  /** Such as `v1.37.2`. */
  version: string;
  /** Path of a cluster administrator's kubeconfig. */
  kubeconfig: string;
  /** Writes a kubeconfig for a user in these groups and returns its path. */
  kubeconfigFor(user: string, groups?: string[]): Promise<string>;
}

const serviceCidr = '10.96.0.0/16';
const startMs = 120_000;

/** The text of a kubeconfig with one context. */
function kubeconfigText(server: string, ca: string, identity: Identity): string {
  const base64 = (pem: string) => Buffer.from(pem).toString('base64');
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server, 'certificate-authority-data': base64(ca) } }],
    users: [
      {
        name: 'test',
        user: { 'client-certificate-data': base64(identity.certificate), 'client-key-data': base64(identity.key) },
      },
    ],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test', namespace: 'default' } }],
    'current-context': 'test',
  });
}

/** Starts etcd, kube-apiserver, kube-controller-manager and kube-scheduler; none needs root. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { supervisor, folder, address, podCidr, managerLimits = { qps: 500, burst: 1_000 } } = options;
  const logs = join(folder, 'logs');
  mkdirSync(logs, { recursive: true });
  const authority = await certificateAuthority(new Date());
  const files = new Map<string, string>();
  const file = (name: string, text: string) => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    files.set(name, path);
    return path;
  };

  const start = async (name: Binary, flags: Record<string, string | number>) => {
    const argv = [options.binaries.path(name), ...Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`)];
    return supervisor.start({ name, argv, log: join(logs, `${name}.log`), signal: 'SIGKILL' });
  };

  const [etcdPort, peerPort, port, managerPort, schedulerPort] = await Promise.all([
    freePort(),
    freePort(),
    freePort(address),
    freePort(),
    freePort(),
  ]);
  const etcdUrl = `http://127.0.0.1:${etcdPort}`;
  const peerUrl = `http://127.0.0.1:${peerPort}`;
  const etcd = await start('etcd', {
    name: 'test',
    'data-dir': join(folder, 'etcd'),
    'listen-client-urls': etcdUrl,
    'advertise-client-urls': etcdUrl,
    'listen-peer-urls': peerUrl,
    'initial-advertise-peer-urls': peerUrl,
    'initial-cluster': `test=${peerUrl}`,
    'unsafe-no-fsync': 'true',
    'log-level': 'warn',
  });

  const caFile = file('ca.crt', authority.certificate);
  const names = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'kubernetes.default.svc.cluster.local'];
  const serving = await authority.server([...new Set(['127.0.0.1', address, '10.96.0.1']), 'localhost', ...names]);
  const kubeletClient = await authority.client('kube-apiserver', ['system:masters']);
  const tokens = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const tokenKey = file('service-account.key', tokens.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
  const tokenPublicKey = tokens.publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const url = `https://${address}:${port}`;
  const apiserver = await start('kube-apiserver', {
    'etcd-servers': etcdUrl,
    'bind-address': address,
    'advertise-address': address,
    'secure-port': port,
    // A Service's endpoints may not lie on the loopback interface.
    'endpoint-reconciler-type': podCidr === undefined ? 'none' : 'lease',
    'tls-cert-file': file('apiserver.crt', serving.certificate),
    'tls-private-key-file': file('apiserver.key', serving.key),
    'client-ca-file': caFile,
    'kubelet-client-certificate': file('kubelet-client.crt', kubeletClient.certificate),
    'kubelet-client-key': file('kubelet-client.key', kubeletClient.key),
    'kubelet-preferred-address-types': 'InternalIP',
    'service-account-issuer': 'https://kubernetes.default.svc',
    'service-account-key-file': file('service-account.pub', tokenPublicKey),
    'service-account-signing-key-file': tokenKey,
    'service-cluster-ip-range': serviceCidr,
    'authorization-mode': 'Node,RBAC',
    'allow-privileged': 'true',
    'enable-priority-and-fairness': 'false',
    'shutdown-delay-duration': '0s',
  });

  const writeKubeconfig = async (name: string, user: string, groups: string[]) =>
    file(`${name}.kubeconfig`, kubeconfigText(url, authority.certificate, await authority.client(user, groups)));
  const admin = await authority.client('admin', ['system:masters']);
  const kubeconfig = file('admin.kubeconfig', kubeconfigText(url, authority.certificate, admin));
  const version = await answers({
    url,
    ca: authority.certificate,
    admin,
    logs,
    ends: { etcd: etcd.exited, 'kube-apiserver': apiserver.exited },
  });

  await start('kube-controller-manager', {
    kubeconfig: await writeKubeconfig('controller-manager', 'system:kube-controller-manager', []),
    'bind-address': '127.0.0.1',
    'secure-port': managerPort,
    'leader-elect': 'false',
    'root-ca-file': caFile,
    'service-account-private-key-file': tokenKey,
    'use-service-account-credentials': 'true',
    'cluster-signing-cert-file': caFile,
    'cluster-signing-key-file': file('ca.key', authority.key),
    'service-cluster-ip-range': serviceCidr,
    'kube-api-qps': managerLimits.qps,
    'kube-api-burst': managerLimits.burst,
    ...(podCidr === undefined ? {} : { 'cluster-cidr': podCidr, 'allocate-node-cidrs': 'true' }),
  });
  await start('kube-scheduler', {
    kubeconfig: await writeKubeconfig('scheduler', 'system:kube-scheduler', []),
    'bind-address': '127.0.0.1',
    'secure-port': schedulerPort,
    'leader-elect': 'false',
    'kube-api-qps': 500,
    'kube-api-burst': 1000,
  });

  let users = 0;
  const kubeconfigFor = (user: string, groups: string[] = []) => {
    users += 1;
    return writeKubeconfig(`user-${users}`, user, groups);
  };
  return { url, ca: authority.certificate, authority, version, kubeconfig, kubeconfigFor };
}

interface Awaited {
  url: string;
  ca: string;
  admin: Identity;
  logs: string;
  ends: Record<string, Promise<Exit>>;
}

/** Waits until the API server says that it is ready, and returns its version. */
async function answers({ url, ca, admin, logs, ends }: Awaited): Promise<string> {
  const dispatcher = new Agent({ connect: { ca, cert: admin.certificate, key: admin.key } });
  let ended: string | undefined;
  for (const [name, exited] of Object.entries(ends)) void exited.then(() => (ended = name));
  const deadline = performance.now() + startMs;
  try {
    for (;;) {
      if (ended !== undefined) {
        const tail = readFileSync(join(logs, `${ended}.log`), 'utf8')
          .split('\n')
          .slice(-20)
          .join('\n');
        throw new ClusterError('ProcessEnded', `${ended} ended while starting:\n${tail}`);
      }
      try {
        const ready = await fetch(`${url}/readyz`, { dispatcher });
        await ready.text();
        if (ready.ok) break;
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
      }
      if (performance.now() > deadline)
        throw new ClusterError('NotReady', `kube-apiserver is not ready after ${startMs} ms`);
      await delay(100);
    }
    const response = await fetch(`${url}/version`, { dispatcher });
    return ((await response.json()) as { gitVersion: string }).gitVersion;
  } finally {
    await dispatcher.close();
  }
}
