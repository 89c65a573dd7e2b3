import type { RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { Agent, ProxyAgent, type Dispatcher } from 'undici';
import { KubeError } from './errors.ts';

/** How to reach one API server: its address, one pool of connections, and headers that stay valid. */
export interface Transport {
  /** Such as `https://10.0.0.1:443`, without a slash at the end. */
  readonly server: string;
  dispatcher(): Promise<Dispatcher>;
  /** `authorization`, if any. */
  headers(): Promise<Record<string, string>>;
  /** Reads credentials again at the next call: the server refused the present ones. */
  forget(): void;
  close(): Promise<void>;
}

export interface KubeConfigSource {
  /** A file; absent: `$KUBECONFIG`, then `~/.kube/config`, then the pod's service account. */
  path?: string;
  /** A kubeconfig itself, instead of a file. */
  text?: string;
  /** Absent: the current context. */
  context?: string;
}

/** Credentials are read again this often, which costs two small file reads in a cluster. */
const credentialsAgeMs = 10_000;
const keepAlive = { keepAliveTimeout: 30_000, keepAliveMaxTimeout: 300_000 } as const;

function poolFor(config: KubeConfig, tls: RequestOptions): Agent | ProxyAgent {
  const options = config.createDispatcherOptions(config.getCurrentCluster(), tls as object);
  switch (options.type) {
    case 'proxy':
      return new ProxyAgent({ ...keepAlive, uri: options.uri, requestTls: options.requestTls as object });
    case 'socks':
      throw new KubeError(0, 'Unreachable', 'the kubeconfig names a SOCKS proxy; use an HTTP proxy or none');
    default:
      // HTTP/1.1: a watch has its connection to itself, so that no stream can hold up another.
      return new Agent({
        ...keepAlive,
        allowH2: false,
        connect: { ...(options.type === 'agent' ? (options.connect as object) : {}), allowH2: false },
      });
  }
}

const poolKey = ({ ca, cert, key }: RequestOptions): string => [ca, cert, key].map(String).join('\n');

function authorization(options: RequestOptions, config: KubeConfig): Record<string, string> {
  const user = config.getCurrentUser();
  const headers = Object.entries((options.headers ?? {}) as Record<string, unknown>).map(([name, value]) => [
    name.toLowerCase(),
    String(value).trim(),
  ]);
  const basic =
    user?.username === undefined
      ? []
      : [['authorization', `Basic ${Buffer.from(`${user.username}:${user.password ?? ''}`).toString('base64')}`]];
  return Object.fromEntries([...basic, ...headers]) as Record<string, string>;
}

/**
 * Loads a kubeconfig or the pod's service account. Every call makes a pool of its own, so that the lease never waits behind
 * ordinary traffic. Tokens and rotated certificates are picked up while running.
 */
export async function connect(
  source: KubeConfigSource = {},
  now: () => number = () => performance.now(),
): Promise<Transport> {
  // Imported here because it costs a second and 70 MiB, which a laptop without a cluster need not pay.
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  if (source.text !== undefined) config.loadFromString(source.text);
  else if (source.path !== undefined) config.loadFromFile(source.path);
  else config.loadFromDefault();
  if (source.context !== undefined) config.setCurrentContext(source.context);
  const server = config.getCurrentCluster()?.server.replace(/\/+$/, '');
  if (server === undefined) throw new KubeError(0, 'Unreachable', 'the kubeconfig has no current cluster');

  let pool: Agent | ProxyAgent | undefined;
  let key = '';
  let headers: Record<string, string> = {};
  let readAt: number | undefined;

  async function refresh(): Promise<Agent | ProxyAgent> {
    if (pool !== undefined && readAt !== undefined && now() - readAt < credentialsAgeMs) return pool;
    const options: RequestOptions = {};
    await config.applyToHTTPSOptions(options);
    readAt = now();
    headers = authorization(options, config);
    if (pool === undefined || poolKey(options) !== key) {
      // Requests on the old pool end as they would have; then it closes by itself.
      void pool?.close();
      pool = poolFor(config, options);
      key = poolKey(options);
    }
    return pool;
  }

  return {
    server,
    dispatcher: refresh,
    headers: async () => {
      await refresh();
      return headers;
    },
    forget: () => (readAt = undefined),
    close: async () => pool?.destroy(),
  };
}
