import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { binaries } from '../cluster/binaries.ts';
import type { Image, LayerFile } from '../cluster/image.ts';

const root = join(import.meta.dirname, '..', '..');

/** The storage server, and nothing else: it is one static binary. */
export async function storageImage(name: string): Promise<Image> {
  const binary = (await binaries('storage')).path('versitygw');
  return {
    name,
    layers: [[{ path: '/versitygw', from: binary, mode: 0o755 }]],
    entrypoint: ['/versitygw'],
    user: '65532:65532',
  };
}

/** The runtime's image with the client, the scripts in caller/ and the given folders below /data. */
export async function callerImage(name: string, runtime: Image, data: Record<string, string>): Promise<Image> {
  const code = await Promise.all(
    ['client', 'test/e2e/caller'].map((folder) => filesOf(join(root, folder), `/app/${folder}`)),
  );
  const files = await Promise.all(Object.entries(data).map(([path, folder]) => filesOf(folder, `/data/${path}`)));
  return { ...runtime, name, layers: [...runtime.layers, [...code, ...files].flat()] };
}

async function filesOf(folder: string, path: string): Promise<LayerFile[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => ({ path: `${path}/${entry.name}`, from: join(folder, entry.name), mode: 0o644 }));
}
