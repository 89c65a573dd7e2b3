import { generateKeyPairSync } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { artefact, dockerConfig, file, scriptedRegistry } from './scripted-registry.ts';
import { openWorkplace, serve, type Listening } from './workplace.ts';

/** Makes a server on 127.0.0.1 that sends whoever reads from it to another place; or names that place as the one to read. */
interface Way {
  what: string;
  uri: (target: URL) => string;
  endpoint?: (target: URL) => string;
  credentials?: (target: URL) => Record<string, string>;
  server?: (target: URL) => Promise<Listening>;
}

const redirecting = (target: URL, path = ''): Promise<Listening> =>
  serve((_request, response) => void response.writeHead(307, { location: new URL(path, target).href }).end());

const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' });
const someArtefact = artefact([file('model.onnx', 'weights')]);

export const ways: readonly Way[] = [
  { what: 'http: the host', uri: ({ href }) => `${href}m.onnx` },
  { what: 'http: a redirect', uri: () => 'http://SERVER/m.onnx', server: redirecting },
  { what: 's3: the endpoint', uri: () => 's3://models/m.onnx', endpoint: ({ origin }) => origin },
  { what: 'oci: the endpoint', uri: () => 'oci://registry.test/m:v1', endpoint: ({ origin }) => origin },
  { what: 'oci: a redirect of the manifest', uri: () => 'oci://registry.test/m:v1', server: redirecting },
  {
    what: 'oci: a redirect of a blob',
    uri: () => 'oci://registry.test/m:v1',
    server: (target) =>
      scriptedRegistry(someArtefact, ({ url = '' }, response) => {
        if (!url.includes('/blobs/')) return false;
        response.writeHead(307, { location: `${target.href}blob` }).end();
        return true;
      }),
  },
  {
    what: 'oci: where a token is had',
    uri: () => 'oci://registry.test/m:v1',
    credentials: () => dockerConfig('registry.test', 'reader', 'hunter2'),
    server: (target) =>
      serve((_request, response) =>
        response.writeHead(401, { 'www-authenticate': `Bearer realm="${target.href}token",service="x"` }).end(),
      ),
  },
  { what: 'hf: the endpoint', uri: () => 'hf://acme/m', endpoint: ({ origin }) => origin },
  { what: 'hf: a redirect of the API', uri: () => 'hf://acme/m', server: redirecting },
  {
    what: 'hf: a redirect of a file',
    uri: () => 'hf://acme/m',
    credentials: () => ({ HF_TOKEN: 'hf_hunter2' }),
    server: (target) =>
      serve(({ url = '' }, response) => {
        const listing = [{ type: 'file', path: 'model.onnx', size: 1, oid: 'a'.repeat(40) }];
        if (url.includes('/revision/')) response.end(JSON.stringify({ sha: 'a'.repeat(40) }));
        else if (url.includes('/tree/')) response.end(JSON.stringify(listing));
        else response.writeHead(302, { location: `${target.href}cdn` }).end();
      }),
  },
  { what: 'gs: the endpoint', uri: () => 'gs://models/m.onnx', endpoint: ({ origin }) => origin },
  { what: 'gs: a redirect', uri: () => 'gs://models/m.onnx', server: redirecting },
  {
    what: 'gs: where a token is had',
    uri: () => 'gs://models/m.onnx',
    endpoint: () => 'http://127.0.0.1:1',
    credentials: ({ href }) => ({
      'gcloud-application-credentials.json': JSON.stringify({
        client_email: 'a',
        private_key: key,
        token_uri: `${href}token`,
      }),
    }),
  },
];

/** Where 127.0.0.1 alone is allowed. */
const allowed = '127.0.0.1';

interface Attempts {
  /** Hosts that were tried. */
  tried: number;
  /** What was not refused as an address that is not allowed, or told a secret. */
  slips: string[];
  /** Connections that came to 127.0.0.2. */
  arrived: number;
  /** Addresses but 127.0.0.1 that this process tried to connect to. */
  dialled: string[];
}

/** Has the store read from each host in one way, while a server on 127.0.0.2 counts who comes and every socket tells where it goes. */
export async function attempt(
  { what, uri, endpoint, credentials, server }: Way,
  hosts: readonly string[],
): Promise<Attempts> {
  const attempts: Attempts = { tried: 0, slips: [], arrived: 0, dialled: [] };
  const onSocket = (message: unknown): void => {
    (message as { socket: Socket }).socket.on('connectionAttempt', (ip) => {
      if (ip !== allowed) attempts.dialled.push(ip);
    });
  };
  const canary = createServer((socket) => {
    attempts.arrived += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => canary.listen(0, '127.0.0.2', resolve));
  const { port } = canary.address() as AddressInfo;
  const work = await openWorkplace();
  subscribe('net.client.socket', onSocket);
  try {
    for (const host of hosts) {
      const target = new URL(`http://${host}:${port}/`);
      const listening = await server?.(target);
      const own = `${allowed}:${listening?.port ?? 0}`;
      const storage = {
        allowedCidrs: [`${allowed}/32`],
        endpoint: endpoint?.(target) ?? (listening && `http://${own}`),
        credentials: credentials?.(target) ?? {},
      };
      try {
        const fault = await work.fault(uri(target).replace('SERVER', own), { storage });
        attempts.tried += 1;
        if (fault.code !== 'AddressNotAllowed') attempts.slips.push(`${what} ${host}: ${fault.code}`);
        if (fault.message.includes('hunter2')) attempts.slips.push(`${what} ${host}: told a secret`);
      } finally {
        await listening?.close();
      }
    }
    attempts.slips.push(...(await work.parts()).map((part) => `${what}: left ${part}`));
    return attempts;
  } finally {
    unsubscribe('net.client.socket', onSocket);
    await new Promise((resolve) => canary.close(resolve));
    await work.remove();
  }
}
