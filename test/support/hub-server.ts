import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface HubServer {
  /** `http://127.0.0.1:PORT`. */
  endpoint: string;
  /** Makes files the next commit of a repository, such as `org/name` or `datasets/org/name`; gives its id. */
  commit(repository: string, files: Record<string, Uint8Array | string>, options?: CommitOptions): string;
  /** Method and path of each request, also of those for content that lies elsewhere. */
  asked: string[];
  close(): Promise<void>;
}

interface CommitOptions {
  /** Beside `main`. */
  branch?: string;
  /** Only who has it may read the repository. */
  token?: string;
}

interface Repository {
  token: string | undefined;
  /** By branch. */
  heads: Map<string, string>;
  commits: Map<string, Map<string, Buffer>>;
}

const hex = (algorithm: string, ...parts: (Uint8Array | string)[]): string =>
  parts.reduce((hash, part) => hash.update(part), createHash(algorithm)).digest('hex');

/** Content that the hub keeps in LFS, elsewhere. */
const isLarge = (path: string): boolean => /\.(onnx|onnx_data|safetensors|parquet)$/.test(path);
const blobId = (bytes: Uint8Array): string => hex('sha1', `blob ${bytes.byteLength}\0`, bytes);

/** So that short listings have several pages. */
const pageLength = 3;

/** A server that speaks as much of the Hugging Face Hub's HTTP API as reading takes, with another server for large content. */
export async function startHub(): Promise<HubServer> {
  const repositories = new Map<string, Repository>();
  const large = new Map<string, Buffer>();
  const asked: string[] = [];

  const elsewhere = await listening((request, response) => {
    asked.push(`${request.method ?? ''} elsewhere${request.url ?? ''}`);
    const bytes = large.get(request.url?.slice(1) ?? '');
    // Object storage refuses what is signed by the URL and authorised by a header at once.
    if (request.headers.authorization !== undefined || bytes === undefined) response.writeHead(400).end();
    else sendBytes(request, response, bytes, {});
  });

  const hub = await listening((request, response) => {
    const url = new URL(request.url ?? '/', 'http://hub');
    asked.push(`${request.method ?? ''} ${url.pathname}`);
    const api = /^\/api\/(models|datasets)\/([^/]+\/[^/]+)(?:\/(revision|tree)\/([^/]+)(?:\/(.+))?)?$/.exec(
      url.pathname,
    );
    const content = /^\/((?:datasets\/)?[^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(url.pathname);
    const name = api ? `${api[1] === 'datasets' ? 'datasets/' : ''}${api[2] ?? ''}` : (content?.[1] ?? '');
    const repository = repositories.get(name);
    const fail = (status: number, code: string): void =>
      void response.writeHead(status, { 'x-error-code': code }).end(JSON.stringify({ error: code }));
    if (!repository || !isAllowed(repository, request)) {
      fail(401, 'RepoNotFound');
      return;
    }
    const revision = decodeURIComponent(api?.[4] ?? content?.[2] ?? 'main');
    const commit = repository.heads.get(revision) ?? revision;
    const files = repository.commits.get(commit);
    if (!files) fail(404, 'RevisionNotFound');
    else if (api?.[3] === 'tree')
      sendTree(
        new URL(url.href.replace('http://hub', `http://${request.headers.host ?? ''}`)),
        response,
        files,
        decodeURIComponent(api[5] ?? ''),
      );
    else if (api)
      sendJson(response, {
        id: name,
        sha: commit,
        private: false,
        siblings: [...files.keys()].map((rfilename) => ({ rfilename })),
      });
    else {
      const path = decodeURIComponent(content?.[3] ?? '');
      const bytes = files.get(path);
      const headers = { 'x-repo-commit': commit };
      if (!bytes) fail(404, 'EntryNotFound');
      else if (isLarge(path)) {
        const id = hex('sha256', bytes);
        large.set(id, bytes);
        const linked = {
          'x-linked-etag': `"${id}"`,
          'x-linked-size': bytes.length,
          location: `${elsewhere.origin}/${id}`,
        };
        response.writeHead(302, { ...headers, ...linked }).end();
      } else sendBytes(request, response, bytes, { ...headers, etag: `"${blobId(bytes)}"` });
    }
  });

  return {
    endpoint: hub.origin,
    asked,
    commit(name, files, { branch, token } = {}) {
      const repository = repositories.get(name) ?? { token, heads: new Map<string, string>(), commits: new Map() };
      repositories.set(name, repository);
      const content = new Map(Object.entries(files).map(([path, bytes]) => [path, Buffer.from(bytes)]));
      const id = hex(
        'sha1',
        ...[...content].flatMap(([path, bytes]) => [path, '\0', bytes]),
        String(repository.commits.size),
      );
      repository.commits.set(id, content);
      repository.heads.set('main', id);
      if (branch !== undefined) repository.heads.set(branch, id);
      return id;
    },
    async close() {
      await hub.close();
      await elsewhere.close();
    },
  };
}

const isAllowed = ({ token }: Repository, { headers }: IncomingMessage): boolean =>
  token === undefined || headers.authorization === `Bearer ${token}`;

function sendJson(response: ServerResponse, value: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(200, { 'content-type': 'application/json; charset=utf-8', ...headers }).end(JSON.stringify(value));
}

function sendTree(url: URL, response: ServerResponse, files: Map<string, Buffer>, below: string): void {
  const start = Number(url.searchParams.get('cursor') ?? 0);
  const all = [...files].filter(([path]) => below === '' || path.startsWith(`${below}/`));
  const entries = all.slice(start, start + pageLength).map(([path, bytes]) => ({
    type: 'file',
    path,
    size: bytes.length,
    oid: blobId(bytes),
    ...(isLarge(path) && { lfs: { oid: hex('sha256', bytes), size: bytes.length, pointerSize: 130 } }),
  }));
  const parents = all.flatMap(([path]) => path.split('/').map((_, index, parts) => parts.slice(0, index).join('/')));
  const folders = start > 0 ? [] : [...new Set(parents)].filter((path) => path !== '');
  const next = new URL(url);
  next.searchParams.set('cursor', String(start + pageLength));
  const link: Record<string, string> = start + pageLength < all.length ? { link: `<${next.href}>; rel="next"` } : {};
  sendJson(
    response,
    [...entries, ...folders.map((path) => ({ type: 'directory', path, size: 0, oid: blobId(Buffer.from(path)) }))],
    link,
  );
}

function sendBytes(
  request: IncomingMessage,
  response: ServerResponse,
  bytes: Buffer,
  headers: Record<string, string>,
): void {
  const from = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
  const part = bytes.subarray(from);
  const range = from > 0 ? { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {};
  response.writeHead(from > 0 ? 206 : 200, {
    'content-length': part.length,
    'accept-ranges': 'bytes',
    ...headers,
    ...range,
  });
  response.end(request.method === 'HEAD' ? undefined : part);
}

async function listening(listener: RequestListener): Promise<{ origin: string; close(): Promise<void> }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
