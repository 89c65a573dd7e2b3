import type { IncomingMessage, ServerResponse } from 'node:http';
import { serve, sha256, type Listening } from './workplace.ts';

const manifestType = 'application/vnd.oci.image.manifest.v1+json';
export const imageConfigType = 'application/vnd.oci.image.config.v1+json';
export const tarType = 'application/vnd.oci.image.layer.v1.tar';
const title = 'org.opencontainers.image.title';

export interface LayerOf {
  bytes: Buffer;
  mediaType?: string;
  title?: string;
  annotations?: Record<string, string>;
}

export interface Artefact {
  manifest: Buffer;
  /** `sha256:HEX` of the manifest. */
  digest: string;
  blobs: Map<string, Buffer>;
}

/** An artefact of files, or, with the type of an image's configuration, an image. */
export function artefact(layers: LayerOf[], configType = 'application/vnd.oci.empty.v1+json'): Artefact {
  const blobs = new Map(layers.map(({ bytes }) => [sha256(bytes), bytes]));
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: manifestType,
      config: { mediaType: configType, digest: sha256('{}'), size: 2 },
      layers: layers.map(({ bytes, mediaType = 'application/octet-stream', title: name, annotations }) => ({
        mediaType,
        digest: sha256(bytes),
        size: bytes.length,
        annotations: { ...(name !== undefined && { [title]: name }), ...annotations },
      })),
    }),
  );
  return { manifest, digest: sha256(manifest), blobs };
}

export const file = (name: string, content: string): LayerOf => ({ title: name, bytes: Buffer.from(content) });

/** Answers instead of the registry where it returns true. */
export type Meddling = (request: IncomingMessage, response: ServerResponse) => boolean;

/** A registry that serves one artefact under every tag, and does as it is told otherwise. */
export function scriptedRegistry({ manifest, blobs }: Artefact, meddle: Meddling = () => false): Promise<Listening> {
  return serve((request, response) => {
    if (meddle(request, response)) return;
    const [, kind, name = ''] = /^\/v2\/.*\/(manifests|blobs)\/([^/]+)$/.exec(request.url ?? '') ?? [];
    const body = kind === 'manifests' ? manifest : blobs.get(name);
    if (kind === undefined || body === undefined) {
      response.writeHead(404).end();
      return;
    }
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const type = kind === 'manifests' ? manifestType : 'application/octet-stream';
    const range = from > 0 ? { 'content-range': `bytes ${from}-${body.length - 1}/${body.length}` } : {};
    response
      .writeHead(from > 0 ? 206 : 200, { 'content-type': type, 'content-length': body.length - from, ...range })
      .end(body.subarray(from));
  });
}

export const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

/** A Secret's .dockerconfigjson. */
export const dockerConfig = (registry: string, username: string, password: string): Record<string, string> => ({
  '.dockerconfigjson': JSON.stringify({ auths: { [registry]: { username, password } } }),
});
