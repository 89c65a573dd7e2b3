import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { lstat, readdir, readFile, realpath } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { belongsInImage } from '../../scripts/prune-dependencies.ts';
import type { Image, LayerFile } from '../cluster/image.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..', '..');

/** Certificates of public authorities, where distributions keep them. */
const certificateBundles = ['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt'];

/**
 * The image that the Containerfile describes, from this checkout and without a container engine: its base is the package
 * `node` with the shared libraries of this machine, the rest is what the Containerfile copies.
 */
export async function runtimeImage(name: string): Promise<Image> {
  const dependencies = await productionDependencies();
  return {
    name,
    layers: [await base(dependencies), dependencies, await app()],
    command: ['node', 'operator/main.ts'],
    workingDir: '/app',
    user: '65532:65532',
    env: { NODE_ENV: 'production', PATH: '/usr/local/bin:/usr/bin:/bin' },
    labels: { 'org.opencontainers.image.title': 'modelyard' },
  };
}

/** The node binary, and every shared library that it or a native dependency asks for. */
async function base(dependencies: LayerFile[]): Promise<LayerFile[]> {
  const node = await realpath(join(root, 'node_modules', 'node', 'bin', 'node'));
  const native = dependencies.flatMap(({ from }) =>
    typeof from === 'string' && /\.(node|so(\.\d+)*)$/.test(from) ? [from] : [],
  );
  const certificates = certificateBundles.find((file) => existsSync(file));
  return [
    { path: '/usr/local/bin/node', from: node, mode: 0o755 },
    ...(await sharedLibraries([node, ...native])),
    {
      path: '/etc/passwd',
      from: Buffer.from('root:x:0:0:root:/:/sbin/nologin\nmodelyard:x:65532:65532:modelyard:/:/sbin/nologin\n'),
    },
    { path: '/etc/group', from: Buffer.from('root:x:0:\nmodelyard:x:65532:\n') },
    { path: '/etc/nsswitch.conf', from: Buffer.from('hosts: files dns\n') },
    { path: '/tmp/.keep', from: Buffer.alloc(0) },
    ...(certificates === undefined ? [] : [{ path: '/etc/ssl/certs/ca-certificates.crt', from: certificates }]),
  ];
}

/** What `ldd` finds outside the packages, at the very paths that the loader will look in. */
async function sharedLibraries(binaries: string[]): Promise<LayerFile[]> {
  const libraries = new Map<string, LayerFile>();
  for (const binary of binaries) {
    const { stdout } = await run('ldd', [binary]);
    for (const [, path] of stdout.matchAll(/(?:=> |^\s*)(\/\S+) \(0x/gm)) {
      if (path === undefined || path.startsWith(root) || libraries.has(path)) continue;
      libraries.set(path, { path, from: await realpath(path), mode: 0o755 });
    }
  }
  return [...libraries.values()];
}

/** The packages that `npm ci --omit=dev` would install, as they lie in node_modules, without what the Containerfile prunes. */
async function productionDependencies(): Promise<LayerFile[]> {
  const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean; devOptional?: boolean }>;
  };
  const files: LayerFile[] = [];
  for (const [folder, { dev, devOptional }] of Object.entries(lock.packages)) {
    if (folder === '' || dev === true || devOptional === true || !existsSync(join(root, folder))) continue;
    for (const file of await filesBelow(join(root, folder))) {
      if (belongsInImage(relative(join(root, 'node_modules'), file), process.arch))
        files.push({ path: `/app/${relative(root, file)}`, from: file });
    }
  }
  return files;
}

/** The files of this checkout that the Containerfile's stage `app` copies. */
async function app(): Promise<LayerFile[]> {
  const containerfile = await readFile(join(root, 'Containerfile'), 'utf8');
  const stage = /^FROM scratch AS app\n((?:COPY .*\n)+)/m.exec(containerfile)?.[1] ?? '';
  const sources = [...stage.matchAll(/^COPY (\S+) \/app\/(\S*)$/gm)].map(([, source = '']) => source);
  if (sources.length === 0) throw new Error('the Containerfile has no stage `app` with COPY lines');
  const files: LayerFile[] = [];
  for (const source of sources) {
    for (const file of await filesBelow(join(root, source)))
      files.push({ path: `/app/${relative(root, file)}`, from: file });
  }
  return files;
}

/** The file itself, or all below a folder but nested node_modules, which package-lock.json names by themselves. */
async function filesBelow(path: string): Promise<string[]> {
  if (!(await lstat(path)).isDirectory()) return [path];
  const entries = (await readdir(path)).filter((name) => name !== 'node_modules');
  return (await Promise.all(entries.map((name) => filesBelow(join(path, name))))).flat();
}
