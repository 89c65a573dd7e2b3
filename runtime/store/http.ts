import { request, type Dispatcher } from 'undici';
import { addressNotAllowed, denied, invalid, notFound, unavailable, type StoreError } from './errors.ts';
import {
  isArchive,
  pathProblem,
  quoted,
  singleFile,
  type RemoteBody,
  type Scheme,
  type SourceContext,
} from './source.ts';

/** `http://` and `https://`: one file or archive. */
export const http: Scheme = async (context) => {
  const { url, shown, subject } = context;
  const name = decodeURIComponent(url.pathname.slice(url.pathname.lastIndexOf('/') + 1));
  if (subject.named(name) === 'folder' && !isArchive(name)) {
    throw invalid(`${shown} names no ${subject.files}: HTTP has no folders.`);
  }
  if (url.username !== '' || url.password !== '') {
    throw invalid(`${shown} holds credentials: put them into the Secret that credentialsSecretRef names.`);
  }
  let version: string | undefined;
  const path = name.replaceAll('/', '_');
  const problem = pathProblem(path);
  if (problem) throw invalid(`${shown}: the file's name ${problem}.`);
  const file = await singleFile(path, async (offset) => {
    const body = await open(context, offset, version);
    version = body.version;
    return body;
  });
  return { kind: isArchive(name) ? 'archive' : 'file', files: [file] };
};

async function open(context: SourceContext, offset: number, version: string | undefined): Promise<RemoteBody> {
  const resumes = offset > 0 && version !== undefined;
  const range = resumes ? { range: `bytes=${offset}-`, 'if-range': version } : undefined;
  const answer = await follow(context, range ?? {});
  const { statusCode, headers, body } = answer;
  const etag = headerOf(headers.etag);
  const strong = etag?.startsWith('"') ? etag : undefined;
  const encoding = headerOf(headers['content-encoding'])?.trim().toLowerCase() ?? '';
  if ([200, 206].includes(statusCode) && !['', 'identity'].includes(encoding)) {
    body.on('error', () => undefined).destroy();
    throw encoded(context.shown, encoding);
  }
  const length = wholeNumber(headerOf(headers['content-length']));
  if (statusCode === 200) return { stream: body, offset: 0, size: length, version: strong };
  if (statusCode === 206 && resumes) {
    const parts = /^bytes (\d+)-\d+\/(\d+)$/.exec(headerOf(headers['content-range']) ?? '');
    if (parts && Number(parts[1]) === offset && strong === version) {
      return { stream: body, offset, size: Number(parts[2]), version };
    }
  }
  body.on('error', () => undefined).destroy();
  // A server whose ranges cannot be trusted, or whose content is shorter now: from the start.
  if (resumes && (statusCode === 206 || statusCode === 416)) return open(context, 0, undefined);
  throw refused(context, statusCode);
}

/** Its bytes are not the file's, so neither would be their digest; ranges of it are those of another file. */
const encoded = (shown: string, encoding: string): StoreError =>
  unavailable(
    `${shown}: the server answered with the content-encoding ${quoted(encoding)}, though the file as it is was asked for. ` +
      'Turn compression of this path off on the server.',
  );

function refused({ shown, subject }: SourceContext, status: number): StoreError {
  if (status === 401 || status === 403) {
    return denied(`${shown}: the server answered ${status}. Check HTTP_AUTHORIZATION in the credentials Secret.`);
  }
  if (status === 404 || status === 410)
    return notFound(`There is no ${subject.noun} at ${shown}: the server answered ${status}.`);
  return unavailable(`${shown}: the server answered ${status}.`);
}

/** Follows redirects; each is a new connection, whose address is checked like the first. */
async function follow(context: SourceContext, headers: Record<string, string>): Promise<Dispatcher.ResponseData> {
  const { shown, limits, storage, connections, signal } = context;
  let authorization = storage.credentials.HTTP_AUTHORIZATION;
  let at = new URL(context.url.href);
  at.hash = '';
  for (let hops = 0; hops <= limits.redirects; hops++) {
    const answer = await request(at.href, {
      method: 'GET',
      dispatcher: connections.dispatcher,
      signal,
      headers: { ...headers, 'accept-encoding': 'identity', ...(authorization && { authorization }) },
    });
    if (![301, 302, 303, 307, 308].includes(answer.statusCode)) return answer;
    answer.body.on('error', () => undefined).destroy();
    const location = headerOf(answer.headers.location);
    if (location === undefined || !URL.canParse(location, at.href)) throw unavailable(`${shown} redirects to nowhere.`);
    const next = new URL(location, at.href);
    if (!['http:', 'https:'].includes(next.protocol) || (at.protocol === 'https:' && next.protocol !== 'https:')) {
      throw addressNotAllowed(`${shown} redirects from ${at.protocol}// to ${next.protocol}//, which is not followed.`);
    }
    if (next.origin !== at.origin) authorization = undefined;
    next.username = next.password = next.hash = '';
    at = next;
  }
  throw unavailable(`${shown} redirects more than ${limits.redirects} times.`);
}

const headerOf = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value[0] : value;

const wholeNumber = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
