import { createHash, type Hash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { pack, type Pack } from 'tar-stream';

/** One file of an image; the folders above it are made. */
export interface LayerFile {
  /** Absolute path in the image. */
  path: string;
  /** A file to copy, or the content itself. */
  from: string | Buffer;
  /** Default 0o644. */
  mode?: number;
}

/** A container image as its parts: no container engine and no registry is needed to make one. */
export interface Image {
  /** With tag, such as `modelyard.test/runtime:v1`. */
  name: string;
  /** Lower layers first. A layer that several images share by identity is written once. */
  layers: LayerFile[][];
  entrypoint?: string[];
  command?: string[];
  workingDir?: string;
  /** `UID:GID` */
  user?: string;
  env?: Record<string, string>;
  labels?: Record<string, string>;
}

interface Blob {
  digest: string;
  size: number;
}

function add(archive: Pack, header: Parameters<Pack['entry']>[0], from: string | Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error?: Error | null) => (error ? reject(error) : resolve());
    if (typeof from === 'string') pipeline(createReadStream(from), archive.entry(header, done)).catch(reject);
    else archive.entry(header, from, done);
  });
}

/** The same bytes for the same files: one time stamp, sorted paths. */
async function fill(archive: Pack, files: LayerFile[]): Promise<void> {
  const mtime = new Date(0);
  const folders = new Set<string>();
  for (const { path, from, mode = 0o644 } of files.toSorted((a, b) => (a.path < b.path ? -1 : 1))) {
    const name = path.replace(/^\/+/, '');
    const above: string[] = [];
    for (let folder = posix.dirname(name); folder !== '.'; folder = posix.dirname(folder)) above.unshift(folder);
    for (const folder of above) {
      if (folders.has(folder)) continue;
      folders.add(folder);
      archive.entry({ name: folder, type: 'directory', mode: 0o755, mtime });
    }
    const size = typeof from === 'string' ? (await stat(from)).size : from.length;
    await add(archive, { name, size, mode, mtime }, from);
  }
  archive.finalize();
}

function hashing(hash: Hash): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
}

async function writeLayer(files: LayerFile[], path: string): Promise<Blob> {
  const archive = pack();
  const hash = createHash('sha256');
  await Promise.all([fill(archive, files), pipeline(archive, hashing(hash), createWriteStream(path))]);
  return { digest: hash.digest('hex'), size: (await stat(path)).size };
}

function configOf(image: Image, layers: Blob[]): unknown {
  const { entrypoint, command, workingDir, user, env, labels } = image;
  return {
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    config: {
      ...(entrypoint === undefined ? {} : { Entrypoint: entrypoint }),
      ...(command === undefined ? {} : { Cmd: command }),
      ...(workingDir === undefined ? {} : { WorkingDir: workingDir }),
      ...(user === undefined ? {} : { User: user }),
      ...(labels === undefined ? {} : { Labels: labels }),
      Env: Object.entries(env ?? {}).map(([name, value]) => `${name}=${value}`),
    },
    rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => `sha256:${digest}`) },
  };
}

const oci = 'application/vnd.oci.image';

/** Writes images into one OCI archive, which `ctr images import` and `podman load` read. */
export async function writeImageArchive(path: string, ...images: Image[]): Promise<void> {
  const folder = await mkdtemp(join(dirname(path), 'layers-'));
  try {
    const written = new Map<LayerFile[], Blob>();
    const blobs = new Map<string, string | Buffer>();
    for (const layer of images.flatMap((image) => image.layers)) {
      if (written.has(layer)) continue;
      const file = join(folder, String(written.size));
      const blob = await writeLayer(layer, file);
      written.set(layer, blob);
      blobs.set(blob.digest, file);
    }
    const store = (mediaType: string, content: unknown) => {
      const bytes = Buffer.from(JSON.stringify(content));
      const digest = createHash('sha256').update(bytes).digest('hex');
      blobs.set(digest, bytes);
      return { mediaType, digest: `sha256:${digest}`, size: bytes.length };
    };

    const manifests = images.map((image) => {
      const layers = image.layers.flatMap((layer) => written.get(layer) ?? []);
      const manifest = {
        schemaVersion: 2,
        mediaType: `${oci}.manifest.v1+json`,
        config: store(`${oci}.config.v1+json`, configOf(image, layers)),
        layers: layers.map(({ digest, size }) => ({
          mediaType: `${oci}.layer.v1.tar`,
          digest: `sha256:${digest}`,
          size,
        })),
      };
      const annotations = {
        'io.containerd.image.name': image.name,
        'org.opencontainers.image.ref.name': image.name.slice(image.name.lastIndexOf(':') + 1),
      };
      return { ...store(manifest.mediaType, manifest), annotations };
    });

    const index = { schemaVersion: 2, mediaType: `${oci}.index.v1+json`, manifests };
    const files: LayerFile[] = [
      { path: 'oci-layout', from: Buffer.from('{"imageLayoutVersion":"1.0.0"}') },
      { path: 'index.json', from: Buffer.from(JSON.stringify(index)) },
      ...[...blobs].map(([digest, from]) => ({ path: `blobs/sha256/${digest}`, from })),
    ];
    await writeLayer(files, path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
