import { safeParse } from 'valibot';
import type { WritableFolder } from '../store/writable-folder.ts';
import { manifestName, manifestSchema, type CheckpointKind, type Manifest } from './checkpoint-format.ts';
import { digestOf } from './checkpoint-writer.ts';
import type { Slice } from './layout.ts';
import { bytesOf } from './transport/connection.ts';

/** A checkpoint that is not whole, or not what its manifest says. */
export class CheckpointDamaged extends Error {
  override readonly name = 'CheckpointDamaged';
  readonly code = 'CheckpointDamaged';
}

/** A manifest, and the folder that it is in, which ends with `/`. */
export interface FoundCheckpoint {
  folder: string;
  manifest: Manifest;
}

/**
 * All checkpoints that count: first those that the coordinator with the highest number wrote, of these the newest version first. Manifests that
 * make no sense are left out. Rejects with StoreError.
 */
export async function findCheckpoints(store: WritableFolder, kind: CheckpointKind): Promise<FoundCheckpoint[]> {
  const paths = (await store.list(`${kind}/`)).filter((path) => path.endsWith(`/${manifestName}`));
  const found = await Promise.all(
    paths.map(async (path) => {
      const manifest = await readManifest(store, path);
      return manifest ? [{ folder: path.slice(0, -manifestName.length), manifest }] : [];
    }),
  );
  return found
    .flat()
    .sort(({ manifest: a }, { manifest: b }) => b.incarnation - a.incarnation || b.version - a.version);
}

/** Undefined where there is none or it makes no sense. */
export async function readManifest(store: WritableFolder, path: string): Promise<Manifest | undefined> {
  const content = await store.read(path);
  if (!content) return undefined;
  try {
    const parsed = safeParse(manifestSchema, JSON.parse(Buffer.from(content).toString('utf8')));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Reads elements of one vector, out of as many pieces as hold some of them. Rejects with CheckpointDamaged, StoreError and the signal's reason; what
 * was read into `into` until then is worth nothing. Nothing is written there once the signal is aborted, however late a read ends.
 */
export async function readVector(
  store: WritableFolder,
  { folder, manifest }: FoundCheckpoint,
  vector: number,
  { from, to }: Slice,
  into: Float32Array,
  signal: AbortSignal,
): Promise<void> {
  const pieces = manifest.pieces
    .filter((piece) => piece.vector === vector && piece.from < to && piece.to > from)
    .sort((a, b) => a.from - b.from);
  let at = from;
  for (const piece of pieces) {
    if (piece.from > at) break;
    const bytes = await readChecked(store, folder + piece.path, piece.sha256, signal);
    if (bytes.byteLength !== (piece.to - piece.from) * Float32Array.BYTES_PER_ELEMENT) break;
    const end = Math.min(to, piece.to);
    const width = Float32Array.BYTES_PER_ELEMENT;
    const part = bytes.subarray((at - piece.from) * width, (end - piece.from) * width);
    signal.throwIfAborted();
    bytesOf(into).set(part, (at - from) * width);
    at = end;
  }
  if (at < to) throw new CheckpointDamaged(`${store.uri}/${folder}: the elements from ${at} are not there`);
}

/** Rejects with CheckpointDamaged where the content is another one. */
export async function readChecked(
  store: WritableFolder,
  path: string,
  sha256: string,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const bytes = await store.read(path);
  if (!bytes) throw new CheckpointDamaged(`${store.uri}/${path} is not there`);
  if ((await digestOf(bytes, signal)) !== sha256) throw new CheckpointDamaged(`${store.uri}/${path} is damaged`);
  return bytes;
}
