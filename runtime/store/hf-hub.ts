import {
  array,
  integer,
  looseObject,
  minValue,
  number,
  optional,
  pipe,
  regex,
  safeParse,
  string,
  type InferOutput,
} from 'valibot';
import { denied, invalid, notFound, unavailable, type StoreError } from './errors.ts';
import type { HubPlace } from './hf-place.ts';
import { discard, get, persistently, readWhole, type Answer, type Headers } from './http-client.ts';
import { jsonIn } from './json.ts';
import { quoted, type SourceContext } from './source.ts';

/** A repository of the Hugging Face Hub, or of a mirror, over its HTTP API. */
export interface Hub {
  /** What the revision is now: 40 hex digits. */
  commit(): Promise<string>;
  /** All files at a commit. */
  list(commit: string): Promise<HubFile[]>;
  /** GET of a file at a commit. */
  get(commit: string, path: string, headers: Headers): Promise<Answer>;
  /** Why an answer with a status is none. */
  refused(status: number): StoreError;
}

const size = pipe(number(), integer(), minValue(0));

const entrySchema = looseObject({
  type: string(),
  path: string(),
  size: optional(size, 0),
  /** Of its git blob, or of a folder's tree. */
  oid: pipe(string(), regex(/^[0-9a-f]{40}$/)),
  lfs: optional(looseObject({ oid: pipe(string(), regex(/^[0-9a-f]{64}$/)), size })),
});
const pageSchema = array(entrySchema);
const revisionSchema = looseObject({ sha: pipe(string(), regex(/^[0-9a-f]{40}$/)) });

export type HubFile = InferOutput<typeof entrySchema>;

const pageBytes = 16 * 1024 * 1024;
/** What is listed before it is known what of it is needed. */
const listedEntries = 200_000;

export function openHub({ type, repository, revision }: HubPlace, context: SourceContext): Hub {
  const { storage, shown, subject } = context;
  const origin = new URL(storage.endpoint ?? 'https://huggingface.co').origin;
  const token = storage.credentials.HF_TOKEN;
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const api = `${origin}/api/${type}/${repository}`;
  const files = type === 'models' ? `${origin}/${repository}` : `${origin}/${type}/${repository}`;

  const refused = (status: number): StoreError => {
    if (status === 401 || status === 403) {
      const cure =
        token === undefined
          ? `It may be private or gated, or there may be no ${quoted(repository)}: name a Secret with HF_TOKEN in ${subject.field}.storage.credentialsSecretRef, or check the URI.`
          : `Check that HF_TOKEN in the credentials Secret may read ${quoted(repository)}, and that its terms were accepted on the hub.`;
      return denied(`${shown}: the hub answered ${status}. ${cure}`);
    }
    if (status === 404)
      return notFound(
        `There is no ${subject.noun} at ${shown}: the hub has no repository ${quoted(repository)} with the revision ${quoted(revision)}. ` +
          `Check ${subject.field}.uri: the revision comes last, as in hf://ORG/NAME/PATH@REVISION.`,
      );
    return unavailable(`${shown}: the hub answered ${status}.`);
  };

  const json = async (url: URL): Promise<{ value: unknown; next: string | undefined }> =>
    persistently(async () => {
      const answer = await get(url, authorization, context);
      if (answer.status !== 200) {
        discard(answer);
        throw refused(answer.status);
      }
      const value = jsonIn(await readWhole(answer, pageBytes, context));
      return { value, next: /<([^>]*)>\s*;\s*rel="?next"?/.exec(answer.header('link') ?? '')?.[1] };
    }, context);
  const noHub = (): StoreError =>
    unavailable(`${shown}: what answered at ${origin} is no hub. Check ${subject.field}.storage.endpoint.`);

  return {
    refused,
    async commit() {
      const parsed = safeParse(
        revisionSchema,
        (await json(new URL(`${api}/revision/${encodeURIComponent(revision)}`))).value,
      );
      if (!parsed.success) throw noHub();
      return parsed.output.sha;
    },
    async list(commit) {
      const found: HubFile[] = [];
      const url = new URL(`${api}/tree/${commit}?recursive=true`);
      for (let seen = 0; ;) {
        const { value, next } = await json(url);
        const parsed = safeParse(pageSchema, value);
        if (!parsed.success) throw noHub();
        seen += Math.max(1, parsed.output.length);
        if (seen > listedEntries) throw invalid(`${shown}: the repository has more than ${listedEntries} files.`);
        found.push(...parsed.output.filter((entry) => entry.type === 'file'));
        if (next === undefined || !URL.canParse(next, url.href)) return found;
        // A mirror may name another host here: of the next page only its place in the list is taken.
        url.search = new URL(next, url.href).search;
      }
    },
    get: (commit, path, headers) =>
      get(
        new URL(`${files}/resolve/${commit}/${path.split('/').map(encodeURIComponent).join('/')}`),
        { ...headers, ...authorization },
        context,
      ),
  };
}
