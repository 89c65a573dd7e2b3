import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { lstat, mkdtemp, readlink, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import tar from 'tar-stream';

/** One file of a layer. Folders above it are made as needed, owned by root. */
export interface LayerFile {
  /** Absolute, in the image. */
  path: string;
  /** A file of this machine, read when the archive is written; or the bytes themselves. */
  from: string | Buffer;
  /** Absent: the source's own, or 0644 for bytes. */
  mode?: number;
}

export interface Image {
  /** As pods name it, such as `modelyard.test/runtime:v1`. */
  name: string;
  /** Lowest first. Equal layers of two images are stored once by a node. */
  layers: LayerFile[][];
  entrypoint?: string[];
  command?: string[];
  workingDir?: string;
  /** UID:GID */
  user?: string;
  env?: Record<string, string>;
  labels?: Record<string, string>;
}

interface WrittenLayer {
  file: string;
  bytes: number;
  sha256: string;
}

/** Every tar entry carries the same time, so that equal files make equal layers. */
const epoch = new Date(0);

/**
 * Writes the images as one docker-archive, which `ctr images import`, docker and podman read. No container engine is needed.
 * A layer that several images share, as the same array, is written once.
 */
export async function writeImageArchive(file: string, ...images: Image[]): Promise<void> {
  const work = await mkdtemp(`${file}.`);
  try {
    const layers = new Map<LayerFile[], WrittenLayer>();
    for (const files of images.flatMap((image) => image.layers)) {
      if (!layers.has(files)) layers.set(files, await writeLayer(join(work, `layer-${layers.size}.tar`), files));
    }
    const pack = tar.pack();
    const written = pipeline(pack, createWriteStream(file));
    const manifest = new Map<string, { Config: string; RepoTags: string[]; Layers: string[] }>();
    for (const image of images) {
      const own = image.layers.flatMap((files) => layers.get(files) ?? []);
      const config = Buffer.from(JSON.stringify(imageConfig(image, own)));
      const name = `${createHash('sha256').update(config).digest('hex')}.json`;
      const same = manifest.get(name);
      if (same === undefined) await add(pack, { name, mode: 0o644 }, config);
      manifest.set(name, {
        Config: name,
        RepoTags: [...(same?.RepoTags ?? []), image.name],
        Layers: own.map(layerName),
      });
    }
    for (const layer of new Map([...layers.values()].map((each) => [each.sha256, each])).values()) {
      await add(pack, { name: layerName(layer), mode: 0o644, size: layer.bytes }, layer.file);
    }
    await add(pack, { name: 'manifest.json', mode: 0o644 }, Buffer.from(JSON.stringify([...manifest.values()])));
    pack.finalize();
    await written;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

const layerName = (layer: WrittenLayer): string => `${layer.sha256}/layer.tar`;

function imageConfig(image: Image, layers: WrittenLayer[]): object {
  return {
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    created: epoch.toISOString(),
    config: {
      Entrypoint: image.entrypoint,
      Cmd: image.command,
      WorkingDir: image.workingDir,
      User: image.user,
      Env: Object.entries(image.env ?? {}).map(([name, value]) => `${name}=${value}`),
      Labels: image.labels,
    },
    rootfs: { type: 'layers', diff_ids: layers.map(({ sha256 }) => `sha256:${sha256}`) },
    history: layers.map(() => ({ created: epoch.toISOString(), created_by: 'modelyard tests' })),
  };
}

async function writeLayer(file: string, files: LayerFile[]): Promise<WrittenLayer> {
  const hash = createHash('sha256');
  let bytes = 0;
  const pack = tar.pack();
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      bytes += chunk.length;
      done(null, chunk);
    },
  });
  const written = pipeline(pack, count, createWriteStream(file));
  const sorted = files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const folders = new Set<string>();
  for (const { path } of sorted)
    for (let folder = dirname(path); folder !== '/'; folder = dirname(folder)) folders.add(folder);
  for (const folder of [...folders].sort())
    await add(pack, { name: `${folder.slice(1)}/`, type: 'directory', mode: folder === '/tmp' ? 0o1777 : 0o755 });
  for (const entry of sorted) await addFile(pack, entry);
  pack.finalize();
  await written;
  return { file, bytes, sha256: hash.digest('hex') };
}

async function addFile(pack: tar.Pack, { path, from, mode }: LayerFile): Promise<void> {
  const name = path.slice(1);
  if (typeof from !== 'string') return add(pack, { name, mode: mode ?? 0o644 }, from);
  const facts = await lstat(from);
  if (facts.isSymbolicLink()) return add(pack, { name, type: 'symlink', linkname: await readlink(from), mode: 0o777 });
  await add(pack, { name, mode: mode ?? facts.mode & 0o755, size: (await stat(from)).size }, from);
}

/** `body`: bytes, or the file that holds them. */
async function add(
  pack: tar.Pack,
  header: Partial<tar.Header> & Pick<tar.Header, 'name'>,
  body?: Buffer | string,
): Promise<void> {
  const full = { uid: 0, gid: 0, mtime: epoch, ...header };
  if (typeof body !== 'string') {
    await new Promise<void>((resolve, reject) => {
      pack.entry(full, body ?? '', (error) => (error ? reject(error) : resolve()));
    });
    return;
  }
  const entry = pack.entry(full);
  await pipeline(createReadStream(body), entry);
}
