import { createHash } from 'node:crypto';
import {
  array,
  integer,
  looseObject,
  maxLength,
  minValue,
  number,
  optional,
  pipe,
  record,
  regex,
  safeParse,
  string,
  type InferOutput,
} from 'valibot';
import { invalid, StoreError, unavailable } from './errors.ts';
import { discard, persistently, readWhole } from './http-client.ts';
import { jsonIn } from './json.ts';
import type { Registry } from './oci-registry.ts';
import { quoted, type SourceContext } from './source.ts';

/** As large as any registry has to take a manifest. */
const manifestBytes = 4 * 1024 * 1024;

const digest = pipe(string(), regex(/^sha256:[0-9a-f]{64}$/));
const mediaType = pipe(string(), maxLength(255));

const descriptor = looseObject({
  mediaType,
  digest,
  size: pipe(number(), integer(), minValue(0)),
  annotations: optional(record(string(), string()), {}),
});

const manifestSchema = looseObject({ config: looseObject({ mediaType }), layers: array(descriptor) });

const indexSchema = looseObject({
  manifests: array(
    looseObject({
      ...descriptor.entries,
      platform: optional(looseObject({ os: optional(string()), architecture: optional(string()) })),
    }),
  ),
});

export type Descriptor = InferOutput<typeof descriptor>;
export type Manifest = InferOutput<typeof manifestSchema>;
type IndexEntry = InferOutput<typeof indexSchema>['manifests'][number];

const manifestTypes = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
];
const indexTypes = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
];

/** The architecture of this machine as images call it. */
const architectureOf = (nodeName: string): string => ({ x64: 'amd64', ia32: '386', arm: 'arm' })[nodeName] ?? nodeName;

/**
 * The manifest that a reference names; of an index, that of its entries which suits this machine. Rejects with StoreError.
 *
 * @param reference a tag or a digest
 */
export async function readManifest(registry: Registry, reference: string, context: SourceContext): Promise<Manifest> {
  const first = await fetchJson(registry, reference, context);
  if (!isIndex(first)) return manifestOf(first, context);
  const parsed = safeParse(indexSchema, first);
  if (!parsed.success) throw malformed(context, 'an index');
  const chosen = choose(parsed.output.manifests, architectureOf(process.arch), context);
  const second = await fetchJson(registry, chosen.digest, context);
  if (isIndex(second))
    throw invalid(`${context.shown} is an index of indexes: name one of them by its digest in the URI.`);
  return manifestOf(second, context);
}

const isIndex = (json: object): boolean => 'manifests' in json && !('layers' in json);

function manifestOf(json: object, context: SourceContext): Manifest {
  const parsed = safeParse(manifestSchema, json);
  if (!parsed.success || 'manifests' in json) throw malformed(context, 'a manifest');
  return parsed.output;
}

const malformed = ({ shown }: SourceContext, what: string): StoreError =>
  invalid(`${shown} has ${what} that is malformed, or whose digests are of another kind than sha256.`);

async function fetchJson(registry: Registry, reference: string, context: SourceContext): Promise<object> {
  const { shown } = context;
  const bytes = await persistently(async () => {
    const accept = [...manifestTypes, ...indexTypes].join(', ');
    const answer = await registry.get(`manifests/${reference}`, { accept });
    if (answer.status !== 200) {
      discard(answer);
      throw registry.refused(answer.status);
    }
    return readWhole(answer, manifestBytes, context);
  }, context);
  const actual = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  if (reference.startsWith('sha256:') && reference !== actual) {
    throw new StoreError(
      'DigestMismatch',
      `${shown}: the manifest came with the digest ${actual}, not ${reference}. The registry, or something on the way from it, ` +
        'damages what it sends.',
      { retrying: true },
    );
  }
  const json = jsonIn(bytes);
  if (typeof json !== 'object' || json === null) throw unavailable(`${shown}: what answered is no registry.`);
  return json;
}

/** A model is the same on all machines, so the only entry is it, whatever platform it names. */
function choose(entries: readonly IndexEntry[], architecture: string, { shown }: SourceContext): IndexEntry {
  const images = entries.filter(
    ({ mediaType, platform }) => manifestTypes.includes(mediaType) && platform?.os !== 'unknown',
  );
  const suits = images.find(({ platform }) => platform?.os === 'linux' && platform.architecture === architecture);
  const [only] = images;
  const found = suits ?? (images.length === 1 ? only : undefined);
  if (found) return found;
  const platforms = images.map(({ platform }) => `${platform?.os ?? '?'}/${platform?.architecture ?? '?'}`);
  throw invalid(
    `${shown} has nothing for linux/${architecture}: ${platforms.slice(0, 10).map(quoted).join(', ') || 'it is empty'}. ` +
      'Name one of its manifests by digest in the URI.',
  );
}
