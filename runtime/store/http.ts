import { denied, invalid, notFound, unavailable, type StoreError } from './errors.ts';
import { discard, encodingProblem, get, sizeOfPart, sizeOfWhole } from './http-client.ts';
import { isArchive, pathProblem, singleFile, type RemoteBody, type Scheme, type SourceContext } from './source.ts';

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
  const { url, shown, storage } = context;
  const resumes = offset > 0 && version !== undefined;
  const authorization = storage.credentials.HTTP_AUTHORIZATION;
  const answer = await get(
    url,
    {
      ...(resumes && { range: `bytes=${offset}-`, 'if-range': version }),
      ...(authorization !== undefined && { authorization }),
    },
    context,
  );
  const { status, body } = answer;
  const etag = answer.header('etag');
  const strong = etag?.startsWith('"') ? etag : undefined;
  const encoded = encodingProblem(answer, shown);
  if (encoded) {
    discard(answer);
    throw encoded;
  }
  if (status === 200) return { stream: body, offset: 0, size: sizeOfWhole(answer), version: strong };
  const size = resumes && strong === version ? sizeOfPart(answer, offset) : undefined;
  if (size !== undefined) return { stream: body, offset, size, version };
  discard(answer);
  // A server whose ranges cannot be trusted, or whose content is shorter now: from the start.
  if (resumes && (status === 206 || status === 416)) return open(context, 0, undefined);
  throw refused(context, status);
}

function refused({ shown, subject }: SourceContext, status: number): StoreError {
  if (status === 401 || status === 403) {
    return denied(`${shown}: the server answered ${status}. Check HTTP_AUTHORIZATION in the credentials Secret.`);
  }
  if (status === 404 || status === 410)
    return notFound(`There is no ${subject.noun} at ${shown}: the server answered ${status}.`);
  return unavailable(`${shown}: the server answered ${status}.`);
}
