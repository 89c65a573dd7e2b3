import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { connect, createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createLog } from '../../../lib/log.ts';
import type { StorageConfig } from '../../../runtime/config.ts';
import { obtainContent } from '../../../runtime/store/content.ts';
import { StoreError } from '../../../runtime/store/errors.ts';
import type { Content, ResolvedModel, ResolveRequest, StoreHooks } from '../../../runtime/store/request.ts';
import { resolveModel } from '../../../runtime/store/model.ts';

export const sha256 = (content: Uint8Array | string): string =>
  `sha256:${createHash('sha256').update(content).digest('hex')}`;

/** What sha256sum prints for the files of a folder, digested. */
export const folderDigest = (files: Record<string, Uint8Array | string>): string =>
  sha256(
    Object.entries(files)
      .map(([path, content]) => `${sha256(content).slice(7)}  ${path}\n`)
      .sort()
      .join(''),
  );

type Changes = Partial<Omit<ResolveRequest, 'storage'>> & { storage?: Partial<ResolveRequest['storage']> };

export interface Workplace {
  folder: string;
  cacheDir: string;
  volumesDir: string;
  write(files: Record<string, Uint8Array | string>): Promise<void>;
  resolve(uri: string, changes?: Changes, hooks?: Partial<StoreHooks>): Promise<ResolvedModel>;
  obtain(uri: string, changes?: Changes, hooks?: Partial<StoreHooks>): Promise<Content>;
  fault(uri: string, changes?: Changes): Promise<StoreError>;
  dataError(uri: string, changes?: Changes): Promise<StoreError>;
  /** What lies below the cache's folder for downloads that are not whole. */
  parts(): Promise<string[]>;
  remove(): Promise<void>;
}

/** What a promise is rejected with. */
async function storeError(promise: Promise<{ digest: string }>): Promise<StoreError> {
  const error = await promise.then(
    ({ digest }) => new Error(`content with the digest ${digest} was found`),
    (reason: unknown) => reason,
  );
  if (!(error instanceof StoreError)) throw error;
  return error;
}

/** A cache and volumes of one test. Loopback is allowed, as on the laptop. */
export async function openWorkplace(): Promise<Workplace> {
  const folder = await mkdtemp(join(tmpdir(), 'modelyard-store-'));
  const cacheDir = join(folder, 'cache');
  const volumesDir = join(folder, 'volumes');
  const storageOf = (changes: Changes['storage']): StorageConfig => ({
    endpoint: undefined,
    region: undefined,
    ca: undefined,
    allowedCidrs: ['127.0.0.0/8'],
    cacheDir,
    cacheMaxBytes: Infinity,
    volumesDir,
    allowFileUris: true,
    credentials: {},
    ...changes,
  });
  const hooksOf = (hooks: Partial<StoreHooks>): StoreHooks => ({
    onProgress: () => undefined,
    signal: new AbortController().signal,
    log: createLog('test', 'silent'),
    ...hooks,
  });
  const resolve: Workplace['resolve'] = (uri, { storage, ...changes } = {}, hooks = {}) =>
    resolveModel(
      { uri, field: 'spec.model', digest: undefined, pinnedDigest: undefined, ...changes, storage: storageOf(storage) },
      hooksOf(hooks),
    );
  const obtain: Workplace['obtain'] = (uri, { storage, limits } = {}, hooks = {}) =>
    obtainContent(
      { uri, noun: 'data', field: 'spec.train.data', storage: storageOf(storage), ...(limits && { limits }) },
      hooksOf(hooks),
    );
  return {
    folder,
    cacheDir,
    volumesDir,
    async write(files) {
      for (const [path, content] of Object.entries(files)) {
        await mkdir(dirname(join(folder, path)), { recursive: true });
        await writeFile(join(folder, path), content);
      }
    },
    resolve,
    obtain,
    fault: (uri, changes) => storeError(resolve(uri, changes)),
    dataError: (uri, changes) => storeError(obtain(uri, changes)),
    parts: () => readdir(join(cacheDir, 'partial')).catch(() => []),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

export interface Listening {
  port: number;
  close(): Promise<void>;
}

export async function serve(listener: RequestListener): Promise<Listening> {
  const server = createServer(listener);
  const { port } = await listen(server);
  return {
    port,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A TCP proxy that cuts its first connections, each after so many bytes from the server. */
export async function cuttingProxy(targetPort: number, cutAfter: number[]): Promise<Listening> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((client) => {
    let left = cutAfter.shift() ?? Infinity;
    const target = connect(targetPort, '127.0.0.1');
    for (const socket of [client, target]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        target.destroy();
      });
    }
    client.pipe(target);
    target.on('data', (chunk: Buffer) => {
      const part = chunk.subarray(0, left);
      left -= part.byteLength;
      client.write(part, () => {
        if (left === 0) client.destroy();
      });
    });
  });
  const { port } = await listen(server);
  return {
    port,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function listen(server: Server): Promise<AddressInfo> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server.address() as AddressInfo;
}
