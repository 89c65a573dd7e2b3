import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { KubeObject } from '../../operator/kube/object.ts';
import { CliError } from '../errors.ts';
import type { ContainerSpec, EnvSpec, PodSpec, VolumeSpec } from './pod.ts';

/** Reads a Secret or ConfigMap of the pod's namespace. */
export type Lookup = (kind: 'Secret' | 'ConfigMap', name: string) => KubeObject | undefined;

/** Folders of a session: `.modelyard/` beside the YAML file. */
export interface Folders {
  /** `pvc://CLAIM` is `volumes/CLAIM` here. */
  volumes: string;
  /** One folder for each pod, gone with it. */
  pods: string;
  /** The file that stands in for DNS. */
  hosts: string;
}

/** The keys of a Secret (decoded) or ConfigMap. */
function entries(object: KubeObject): Record<string, string> {
  if (object.kind !== 'Secret') return (object.data as Record<string, string> | undefined) ?? {};
  const data = (object.data as Record<string, string> | undefined) ?? {};
  const decoded = Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]);
  return { ...Object.fromEntries(decoded), ...(object.stringData as Record<string, string> | undefined) } as Record<
    string,
    string
  >;
}

/** The message is the kubelet's. */
function reference(lookup: Lookup, kind: 'Secret' | 'ConfigMap', name: string): Record<string, string> {
  const object = lookup(kind, name);
  if (object === undefined) throw new CliError('MissingReference', `${kind.toLowerCase()} "${name}" not found`);
  return entries(object);
}

function fieldOf(pod: KubeObject, podIp: string, path: string): string {
  const { name, namespace = '', uid = '', labels, annotations } = pod.metadata;
  const known: Record<string, string> = {
    'metadata.name': name,
    'metadata.namespace': namespace,
    'metadata.uid': uid,
    'spec.nodeName': (pod.spec as PodSpec).nodeName ?? '',
    'status.podIP': podIp,
    'status.podIPs': podIp,
    'status.hostIP': '127.0.0.1',
  };
  const keyed = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path);
  if (keyed !== null) return (keyed[1] === 'labels' ? labels : annotations)?.[keyed[2] ?? ''] ?? '';
  const value = known[path];
  if (value === undefined) throw new CliError('MissingReference', `fieldRef ${path} is not supported on a laptop`);
  return value;
}

function envValue(
  { name, value, valueFrom }: EnvSpec,
  pod: KubeObject,
  podIp: string,
  lookup: Lookup,
): string | undefined {
  if (valueFrom?.fieldRef !== undefined) return fieldOf(pod, podIp, valueFrom.fieldRef.fieldPath);
  const [kind, ref] =
    valueFrom?.secretKeyRef !== undefined
      ? (['Secret', valueFrom.secretKeyRef] as const)
      : (['ConfigMap', valueFrom?.configMapKeyRef] as const);
  if (ref === undefined) return value ?? '';
  if (ref.optional === true && lookup(kind, ref.name)?.metadata === undefined) return undefined;
  const found = reference(lookup, kind, ref.name)[ref.key];
  if (found === undefined && ref.optional !== true) {
    throw new CliError('MissingReference', `couldn't find key ${ref.key} in ${kind} ${ref.name} (needed by ${name})`);
  }
  return found;
}

/**
 * The environment of a container. Paths that lie in a mounted folder, or hold one, are those under `root`, where
 * `mountVolumes` put what the container would see.
 *
 * @throws CliError MissingReference, in the kubelet's words
 */
export function containerEnv(
  container: ContainerSpec,
  pod: KubeObject,
  podIp: string,
  lookup: Lookup,
  root: string,
): Record<string, string> {
  const mounts = (container.volumeMounts ?? []).map(({ mountPath }) => mountPath);
  const within = (inner: string, outer: string): boolean => inner === outer || inner.startsWith(`${outer}/`);
  const isMounted = (path: string): boolean =>
    path.startsWith('/') && mounts.some((mount) => within(path, mount) || within(mount, path));
  const env: Record<string, string> = {};
  for (const spec of container.env ?? []) {
    const value = envValue(spec, pod, podIp, lookup);
    if (value !== undefined) env[spec.name] = isMounted(value) ? join(root, value) : value;
  }
  return env;
}

/** Makes `folder` hold exactly these files, each replaced in one step, as the kubelet renews a mounted ConfigMap. */
async function writeFiles(folder: string, files: Record<string, string>): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    const draft = join(folder, `..${name}.${randomUUID()}`);
    await writeFile(draft, text, { mode: 0o600 });
    await rename(draft, join(folder, name));
  }
  for (const name of await readdir(folder)) {
    // Names that begin with two dots are drafts, perhaps of a writer beside this one; no mirrored key has one.
    if (!(name in files) && !name.startsWith('..')) await rm(join(folder, name), { recursive: true, force: true });
  }
}

/** Fills the volumes that mirror objects. Called again when those change. @throws CliError MissingReference */
export async function refreshVolumes(volumes: readonly VolumeSpec[], folder: string, lookup: Lookup): Promise<void> {
  for (const { name, configMap, secret } of volumes) {
    const kind = configMap === undefined ? 'Secret' : 'ConfigMap';
    const source = configMap?.name ?? secret?.secretName;
    if (source === undefined) continue;
    const optional = (configMap ?? secret)?.optional === true && lookup(kind, source) === undefined;
    await writeFiles(join(folder, name), optional ? {} : reference(lookup, kind, source));
  }
}

/**
 * Gives a container its folders: an emptyDir is a folder of the pod, a claim one of the session, and what mirrors an object
 * is written by `refreshVolumes`. Returns the root under which the mount paths lie.
 *
 * @throws CliError MissingReference
 */
export async function mountVolumes(
  pod: KubeObject,
  container: ContainerSpec,
  folders: Folders,
  lookup: Lookup,
): Promise<string> {
  const spec = pod.spec as PodSpec;
  const home = podFolder(pod, folders);
  const root = join(home, 'root');
  await rm(root, { recursive: true, force: true });
  const sources = new Map<string, string>();
  for (const { name, persistentVolumeClaim } of spec.volumes ?? []) {
    const claim = persistentVolumeClaim?.claimName;
    const source = claim === undefined ? join(home, 'volumes', name) : join(folders.volumes, claim);
    await mkdir(source, { recursive: true });
    sources.set(name, source);
  }
  await refreshVolumes(spec.volumes ?? [], join(home, 'volumes'), lookup);
  for (const { name, mountPath, subPath } of container.volumeMounts ?? []) {
    const source = sources.get(name);
    if (source === undefined) throw new CliError('MissingReference', `volumeMounts name an unknown volume "${name}"`);
    await mkdir(dirname(join(root, mountPath)), { recursive: true });
    await symlink(join(source, subPath ?? ''), join(root, mountPath));
  }
  return root;
}

/** The folder of this incarnation of a pod, gone with it. */
export function podFolder({ metadata }: KubeObject, { pods }: Folders): string {
  return join(pods, `${metadata.namespace ?? ''}_${metadata.name}_${(metadata.uid ?? '').slice(0, 8)}`);
}

/** The folder whose content `refreshVolumes` keeps. */
export const volumesFolder = (pod: KubeObject, folders: Folders): string => join(podFolder(pod, folders), 'volumes');
