import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { generateKeyPairSync } from 'node:crypto';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { hostileHosts } from './hostile-addresses.ts';
import { artefact, dockerConfig, file, scriptedRegistry } from './scripted-registry.ts';
import { openWorkplace, serve, type Listening, type Workplace } from './workplace.ts';

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

const ways: Way[] = [
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

describe('no way leads to an address that is not allowed', () => {
  let work: Workplace;
  let canary: Server;
  let connections = 0;
  beforeEach(async () => {
    work = await openWorkplace();
    canary = createServer((socket) => {
      connections += 1;
      socket.destroy();
    });
    connections = 0;
    await new Promise<void>((resolve) => canary.listen(0, '127.0.0.2', resolve));
  });
  afterEach(async () => {
    await new Promise((resolve) => canary.close(resolve));
    await work.remove();
  });

  test.each(ways)('$what', async ({ uri, endpoint, credentials, server }) => {
    expect(hostileHosts.length).toBeGreaterThanOrEqual(40);
    const { port } = canary.address() as AddressInfo;
    for (const host of hostileHosts) {
      const target = new URL(`http://${host}:${port}/`);
      const listening = await server?.(target);
      const own = `127.0.0.1:${listening?.port ?? 0}`;
      const storage = {
        allowedCidrs: ['127.0.0.1/32'],
        endpoint: endpoint?.(target) ?? (listening && `http://${own}`),
        credentials: credentials?.(target) ?? {},
      };
      try {
        const fault = await work.fault(uri(target).replace('SERVER', own), { storage });
        expect([host, fault.code]).toEqual([host, 'AddressNotAllowed']);
        expect(fault.message).not.toContain('hunter2');
      } finally {
        await listening?.close();
      }
    }
    expect(connections).toBe(0);
    expect(await work.parts()).toEqual([]);
  });
});
