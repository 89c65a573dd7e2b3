import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { ClusterError } from './errors.ts';
import { withLock } from '../support/lock.ts';

const kubernetesVersion = 'v1.37.2';
const modules = fileURLToPath(new URL('modules/', import.meta.url));

/** Each binary: the Go module it is built in, its package, and the group it is needed for. */
const sources = {
  'kube-apiserver': { module: 'kubernetes', package: 'k8s.io/kubernetes/cmd/kube-apiserver', group: 'control-plane' },
  'kube-controller-manager': {
    module: 'kubernetes',
    package: 'k8s.io/kubernetes/cmd/kube-controller-manager',
    group: 'control-plane',
  },
  'kube-scheduler': { module: 'kubernetes', package: 'k8s.io/kubernetes/cmd/kube-scheduler', group: 'control-plane' },
  kubectl: { module: 'kubernetes', package: 'k8s.io/kubernetes/cmd/kubectl', group: 'control-plane' },
  etcd: { module: 'node', package: 'go.etcd.io/etcd/server/v3', group: 'control-plane', built: 'server' },
  kwok: { module: 'node', package: 'sigs.k8s.io/kwok/cmd/kwok', group: 'control-plane' },
  helm: { module: 'node', package: 'helm.sh/helm/v3/cmd/helm', group: 'control-plane' },
  kubelet: { module: 'kubernetes', package: 'k8s.io/kubernetes/cmd/kubelet', group: 'node' },
  'kube-proxy': { module: 'kubernetes', package: 'k8s.io/kubernetes/cmd/kube-proxy', group: 'node' },
  containerd: { module: 'node', package: 'github.com/containerd/containerd/v2/cmd/containerd', group: 'node' },
  'containerd-shim-runc-v2': {
    module: 'node',
    package: 'github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2',
    group: 'node',
  },
  ctr: { module: 'node', package: 'github.com/containerd/containerd/v2/cmd/ctr', group: 'node' },
  coredns: { module: 'node', package: 'github.com/coredns/coredns', group: 'node' },
  pause: { module: 'pause', package: 'modelyard.dev/test/cluster/pause', group: 'node' },
  crane: { module: 'registry', package: 'github.com/google/go-containerregistry/cmd/crane', group: 'registry' },
  oras: { module: 'registry', package: 'oras.land/oras/cmd/oras', group: 'registry' },
  'fake-gcs-server': { module: 'gcs', package: 'github.com/fsouza/fake-gcs-server', group: 'gcs' },
  versitygw: { module: 'storage', package: 'github.com/versity/versitygw/cmd/versitygw', group: 'storage' },
} as const satisfies Record<string, { module: string; package: string; group: string; built?: string }>;

export type Binary = keyof typeof sources;
export type BinaryGroup = (typeof sources)[Binary]['group'];

export interface Binaries {
  /** Absolute path of one. */
  path(name: Binary): string;
}

/** Built without C libraries: these run in images that hold nothing else. */
const staticModules = ['gcs', 'pause', 'registry', 'storage'];

const ldflags = [
  '-s -w',
  `-X k8s.io/component-base/version.gitVersion=${kubernetesVersion}`,
  `-X k8s.io/component-base/version.gitMajor=1`,
  `-X k8s.io/component-base/version.gitMinor=${kubernetesVersion.split('.')[1]}`,
].join(' ');

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function goCommand(): string {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/go/bin', '/usr/lib/go/bin'];
  const found = folders.map((folder) => join(folder, 'go')).find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new ClusterError(
    'GoMissing',
    'Tests on a real Kubernetes build it from Go modules, and no `go` was found on PATH or in /usr/local/go/bin. ' +
      'Install Go 1.26 or newer from https://go.dev/dl, or set KUBECONFIG to a cluster to use instead.',
  );
}

/** Where the binaries of one module lie: a folder named after everything that decides what they are. */
function cacheFolder(module: string): string {
  const hash = createHash('sha256').update(ldflags).update(`${process.platform}/${process.arch}`);
  for (const file of ['go.mod', 'go.sum']) hash.update(readFileSync(join(modules, module, file)));
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  return join(cache, 'modelyard', 'cluster', `${module}-${hash.digest('hex').slice(0, 16)}`);
}

function placeOf(name: Binary): string {
  const assets = process.env.KUBEBUILDER_ASSETS;
  const given = assets === undefined || assets === '' ? undefined : join(assets, name);
  if (given !== undefined && existsSync(given)) return given;
  return join(cacheFolder(sources[name].module), name);
}

const isMissing = (name: Binary) => !existsSync(placeOf(name));

/** Runs `go build`, saying every half minute how far it is. */
async function goBuild(module: string, packages: string[], output: string): Promise<void> {
  const args = ['build', '-v', '-ldflags', ldflags, '-o', `${output}/`, ...packages];
  const child = spawn(goCommand(), args, {
    cwd: join(modules, module),
    env: { ...process.env, GOFLAGS: '-mod=readonly', ...(staticModules.includes(module) ? { CGO_ENABLED: '0' } : {}) },
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  const startedMs = performance.now();
  const seconds = () => Math.round((performance.now() - startedMs) / 1000);
  const tail: string[] = [];
  let compiled = 0;
  createInterface({ input: child.stderr }).on('line', (line) => {
    compiled += 1;
    tail.push(line);
    if (tail.length > 20) tail.shift();
  });
  const timer = setInterval(() => say(`  ${module}: ${compiled} packages compiled after ${seconds()} s`), 30_000);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  clearInterval(timer);
  if (code !== 0) throw new ClusterError('BuildFailed', `go build in ${module} failed:\n${tail.join('\n')}`);
  say(`  ${module}: built in ${seconds()} s`);
}

async function build(module: string, names: Binary[]): Promise<void> {
  const folder = cacheFolder(module);
  mkdirSync(folder, { recursive: true });
  await withLock(join(folder, 'lock'), async () => {
    const missing = names.filter(isMissing);
    if (missing.length === 0) return;
    for (const left of readdirSync(folder).filter((name) => name.startsWith('build-'))) {
      rmSync(join(folder, left), { recursive: true, force: true });
    }
    say(`Building ${missing.join(', ')} from Go modules (once; the result is kept in ${folder})`);
    const output = mkdtempSync(join(folder, 'build-'));
    try {
      await goBuild(
        module,
        missing.map((name) => sources[name].package),
        output,
      );
      for (const name of missing) {
        const source = sources[name];
        renameSync(join(output, 'built' in source ? source.built : name), join(folder, name));
      }
    } finally {
      rmSync(output, { recursive: true, force: true });
    }
  });
}

/**
 * The binaries of the asked groups, built where they are not there yet: 10 to 20 minutes on a cold machine with two
 * cores, nothing afterwards. KUBEBUILDER_ASSETS names a folder that is looked into first, as with envtest.
 */
export async function binaries(...groups: BinaryGroup[]): Promise<Binaries> {
  const names = (Object.keys(sources) as Binary[]).filter((name) => groups.includes(sources[name].group));
  const wanted = Map.groupBy(names.filter(isMissing), (name) => sources[name].module);
  for (const [module, missing] of wanted) await build(module, missing);
  return { path: placeOf };
}
