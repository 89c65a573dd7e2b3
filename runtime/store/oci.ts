import { sha256Checksum } from './checksum.ts';
import { invalid } from './errors.ts';
import { openConstant } from './http-client.ts';
import { readManifest, type Descriptor, type Manifest } from './oci-manifest.ts';
import { ociReference } from './oci-reference.ts';
import { openRegistry, type Registry } from './oci-registry.ts';
import { pathProblem, quoted, type Compression, type Layer, type Scheme, type SourceContext } from './source.ts';

const title = 'org.opencontainers.image.title';
/** How ORAS marks a folder, which it pushes as an archive, packed by gzip whatever its type. */
const packedFolder = 'io.deis.oras.content.unpack';
const emptyType = 'application/vnd.oci.empty.v1+json';
const imageConfigTypes = ['application/vnd.oci.image.config.v1+json', 'application/vnd.docker.container.image.v1+json'];

/** Where a model lies in an image. */
const modelsFolder = 'models';

/**
 * `oci://REGISTRY/REPOSITORY:TAG` or `@sha256:DIGEST`: a folder. Of an artefact, as ORAS makes it, its titled layers are files and
 * its other layers are unpacked; of an image it is the folder /models.
 */
export const oci: Scheme = async (context) => {
  const reference = ociReference(context);
  const registry = openRegistry(reference, context);
  const manifest = await readManifest(registry, reference.reference, context);
  return { kind: 'layers', files: layersOf(manifest, registry, context) };
};

function layersOf(manifest: Manifest, registry: Registry, context: SourceContext): Layer[] {
  const { shown, limits } = context;
  const { config, layers } = manifest;
  const filled = layers.filter(({ mediaType }) => mediaType !== emptyType);
  if (filled.length > limits.files) throw invalid(`${shown} has more than ${limits.files} layers.`);
  const bytes = filled.reduce((sum, { size }) => sum + size, 0);
  if (bytes > limits.bytes) throw invalid(`${shown} is larger than ${limits.bytes} bytes.`);
  const isImage = imageConfigTypes.includes(config.mediaType);
  return filled.map((descriptor, index) => layerOf(descriptor, index, isImage, registry, context));
}

function layerOf(
  descriptor: Descriptor,
  index: number,
  isImage: boolean,
  registry: Registry,
  context: SourceContext,
): Layer {
  const { digest, size } = descriptor;
  const hex = digest.slice('sha256:'.length);
  return {
    path: `${index}-${hex}`,
    size,
    version: digest,
    checksum: sha256Checksum(hex),
    open: (offset) =>
      openConstant(
        {
          size,
          version: digest,
          ask: (headers) => registry.get(`blobs/${digest}`, headers),
          refused: (status) => registry.refused(status),
        },
        offset,
        context.shown,
      ),
    content: contentOf(descriptor, isImage, context),
  };
}

function contentOf(
  { mediaType, annotations, digest }: Descriptor,
  isImage: boolean,
  { shown }: SourceContext,
): Layer['content'] {
  const name = annotations[title];
  const isPacked = annotations[packedFolder] === 'true';
  if (name !== undefined && !isPacked) {
    const problem = pathProblem(name);
    if (problem) throw invalid(`${shown}: the layer titled ${quoted(name)} ${problem}.`);
    return { title: name };
  }
  const compression = compressionOf(mediaType) ?? (isPacked ? 'gzip' : undefined);
  if (compression === undefined) {
    throw invalid(
      `${shown}: the layer ${digest} of the type ${quoted(mediaType)} is no tar archive, and no title says which file it is. ` +
        'Push files by `oras push`, which gives titles.',
    );
  }
  return { compression, select: isImage && name === undefined ? belowModels : (path) => path };
}

/** By the ending of the type: both OCI's `…tar+gzip` and Docker's `…tar.gzip`. */
function compressionOf(mediaType: string): Compression | undefined {
  const ending = /[.+/](tar|x-tar)(?:[.+](gzip|zstd))?$/.exec(mediaType);
  if (!ending) return undefined;
  return ending[2] === 'gzip' || ending[2] === 'zstd' ? ending[2] : 'none';
}

/** Entries outside /models are passed over, whatever they are. One of an absolute path is refused by it. */
function belowModels(path: string): string | undefined {
  if (path === `.wh.${modelsFolder}`) return '.wh..wh..opq';
  if (path === modelsFolder) return '.';
  if (path.startsWith(`${modelsFolder}/`)) return path.slice(modelsFolder.length + 1);
  return path.startsWith(`/${modelsFolder}`) ? path : undefined;
}
