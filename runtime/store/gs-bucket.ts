import {
  array,
  looseObject,
  optional,
  pipe,
  regex,
  safeParse,
  string,
  transform,
  type GenericSchema,
  type InferOutput,
} from 'valibot';
import { denied, notFound, unavailable, type StoreError } from './errors.ts';
import { serviceAccountTokens } from './gs-token.ts';
import { discard, get, persistently, readWhole, type Answer, type Headers } from './http-client.ts';
import { jsonIn } from './json.ts';
import { quoted, type SourceContext } from './source.ts';

/** A bucket of Google Cloud Storage, over its JSON API. */
export interface Bucket {
  /** Undefined where there is no object of that very name. */
  find(name: string): Promise<StoredObject | undefined>;
  /** A page of the objects whose names begin with a prefix. */
  list(prefix: string, pageToken: string | undefined): Promise<ObjectPage>;
  /** GET of the content of one generation. */
  get(object: StoredObject, headers: Headers): Promise<Answer>;
  /** Why an answer with a status is none. */
  refused(status: number): StoreError;
}

const whole = pipe(string(), regex(/^\d{1,20}$/));

const objectSchema = looseObject({
  name: string(),
  size: pipe(whole, transform(Number)),
  /** Names the content: another one of the same name has another. */
  generation: whole,
  md5Hash: optional(string()),
  crc32c: optional(string()),
  contentEncoding: optional(string(), ''),
});
const pageSchema = looseObject({ items: optional(array(objectSchema), []), nextPageToken: optional(string()) });

export type StoredObject = InferOutput<typeof objectSchema>;
type ObjectPage = InferOutput<typeof pageSchema>;

const pageBytes = 16 * 1024 * 1024;
const objectFields = 'name,size,generation,md5Hash,crc32c,contentEncoding';

export function openBucket(name: string, context: SourceContext): Bucket {
  const { storage, shown, subject } = context;
  const origin = new URL(storage.endpoint ?? 'https://storage.googleapis.com').origin;
  const keyFile = storage.credentials['gcloud-application-credentials.json'];
  const tokens = keyFile === undefined ? undefined : serviceAccountTokens(keyFile, () => Date.now(), context);
  const objects = `${origin}/storage/v1/b/${encodeURIComponent(name)}/o`;

  const refused = (status: number): StoreError => {
    if (status === 401 || status === 403) {
      const cure =
        tokens === undefined
          ? `Only public buckets are read without a Secret: name one with gcloud-application-credentials.json in ${subject.field}.storage.credentialsSecretRef.`
          : 'Check that the service account in the credentials Secret may get and list the objects of the bucket (roles/storage.objectViewer).';
      return denied(`${shown}: the server answered ${status}. ${cure}`);
    }
    if (status === 404) return notFound(`There is no bucket ${quoted(name)} for ${shown}, or the object was removed.`);
    return unavailable(`${shown}: the server answered ${status}.`);
  };

  const ask = async (url: URL, headers: Headers): Promise<Answer> => {
    const authorization = tokens && { authorization: `Bearer ${await tokens.token()}` };
    return get(url, { ...headers, ...authorization }, context);
  };

  const read = <T>(url: URL, schema: GenericSchema<unknown, T>, ifMissing?: T): Promise<T> =>
    persistently(async () => {
      const answer = await ask(url, {});
      if (answer.status !== 200) {
        discard(answer);
        if (answer.status === 404 && ifMissing !== undefined) return ifMissing;
        throw refused(answer.status);
      }
      const parsed = safeParse(schema, jsonIn(await readWhole(answer, pageBytes, context)));
      if (parsed.success) return parsed.output;
      throw unavailable(
        `${shown}: what answered at ${origin} is no Google Cloud Storage. Check ${subject.field}.storage.endpoint.`,
      );
    }, context);

  return {
    refused,
    async find(object) {
      const url = new URL(`${objects}/${encodeURIComponent(object)}`);
      url.searchParams.set('fields', objectFields);
      const missing: StoredObject = { name: '', size: 0, generation: '0', contentEncoding: '' };
      const found = await read(url, objectSchema, missing);
      return found === missing ? undefined : found;
    },
    list(prefix, pageToken) {
      const url = new URL(objects);
      url.searchParams.set('prefix', prefix);
      url.searchParams.set('fields', `nextPageToken,items(${objectFields})`);
      if (pageToken !== undefined) url.searchParams.set('pageToken', pageToken);
      return read(url, pageSchema);
    },
    get(object, headers) {
      const url = new URL(`${objects}/${encodeURIComponent(object.name)}`);
      url.searchParams.set('alt', 'media');
      url.searchParams.set('generation', object.generation);
      return ask(url, headers);
    },
  };
}
