/** Calls of ShellTorch (CVE-2023-43654, CVE-2022-1471 and the open management port) and others of that kind. None has an effect. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { identityModel } from '../../support/models.ts';
import { refusals, startClusterPod, startLaptop, tokens, type CallOptions, type World } from './world.ts';

type Attack = [what: string, method: string, path: string, options: CallOptions];

const anybody: CallOptions = {};

const management: CallOptions = { token: 'management' };
const registering = (query: Record<string, string>): string => `/models?${new URLSearchParams(query).toString()}`;

/** What became of the server: its models as they were, one of them answering, and no token told. */
async function unharmed(world: World, asked: readonly string[]): Promise<void> {
  const { json } = await world.call('GET', '/models', management);
  expect((json as { models: unknown[] }).models).toHaveLength(1);
  const body = JSON.stringify({ a: [[1, 2]], b: [[3, 5]] });
  expect((await world.call('POST', '/predictions/model', { token: 'inference', body })).status).toBe(200);
  expect(asked).toEqual([]);
  expect(world.process.exitCode).toBeNull();
}

/** A server that is asked for a model by nobody. */
async function canary(): Promise<{ server: Server; origin: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer(({ url = '' }, response) => {
    asked.push(url);
    response.end(identityModel('FLOAT', ['n', 2]));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

describe('a pod of a cluster refuses', () => {
  let world: World;
  const bait = { server: undefined as Server | undefined, asked: [] as string[], origin: '' };
  beforeAll(async () => {
    Object.assign(bait, await canary());
    world = startClusterPod({ settings: { storageAllowedCidrs: '127.0.0.0/8' } });
    await world.ready();
  });
  afterAll(async () => {
    bait.server?.close();
    await world.stop();
  });

  const attacks: Attack[] = [
    ['ShellTorch: the list, by anybody', 'GET', '/models', anybody],
    ['ShellTorch: an archive from anywhere, by anybody', 'POST', registering({ url: 'ORIGIN/evil.mar' }), anybody],
    [
      'ShellTorch: an archive from anywhere, with the token',
      'POST',
      registering({ url: 'ORIGIN/evil.mar' }),
      management,
    ],
    ['ShellTorch: a workflow whose YAML makes objects', 'POST', '/workflows?url=ORIGIN/evil.war', management],
    ['a model that is one', 'POST', registering({ url: 'ORIGIN/model.onnx', initial_workers: '1' }), management],
    ['the metadata of a cloud', 'POST', registering({ url: 'http://169.254.169.254/latest/meta-data/' }), management],
    ['a file of the container', 'POST', registering({ url: 'file:///etc/passwd' }), management],
    ['the volume of the spec', 'POST', registering({ url: 'pvc://models/model.onnx' }), management],
    ['a handler of the client', 'POST', registering({ url: 'ORIGIN/m.onnx', handler: 'os:system' }), management],
    [
      'a registration with the token of inference',
      'POST',
      registering({ url: 'ORIGIN/m.onnx' }),
      { token: 'inference' },
    ],
    ['scaling that the spec does not allow', 'PUT', '/models/model?min_worker=0&synchronous=true', management],
    ['unregistering that the spec does not allow', 'DELETE', '/models/model', management],
    ['unregistering with the token of inference', 'DELETE', '/models/model', { token: 'inference' }],
    ['workflows', 'GET', '/workflows', management],
    ['a prediction of a workflow', 'POST', '/wfpredict/model', { token: 'inference' }],
    ['a token for a token', 'GET', '/token?type=management', management],
    [
      'another method in a header',
      'POST',
      '/models/model',
      { ...management, headers: { 'x-http-method-override': 'DELETE', 'x-method-override': 'DELETE' } },
    ],
    [
      'another path in a header',
      'GET',
      '/nothing',
      { token: 'inference', headers: { 'x-original-url': '/models', 'x-rewrite-url': '/models' } },
    ],
    [
      'a path of inference with management in a header',
      'GET',
      '/models',
      { token: 'inference', headers: { 'x-original-url': '/ping', 'x-forwarded-for': '127.0.0.1' } },
    ],
    ['two tokens', 'GET', '/models', { headers: { authorization: ['Bearer x', `Bearer ${tokens.management}`] } }],
    ['a path that climbs', 'GET', '/models/../../etc/passwd', management],
    ['a path that climbs over inference', 'GET', '/ping/../models', { token: 'inference' }],
    ['encoded slashes', 'GET', '/models/..%2f..%2fetc%2fpasswd', management],
    ['twice encoded slashes', 'GET', '/models/..%252f..%252fetc', management],
    ['a NUL in a name', 'GET', '/models/model%00', management],
    ['lines in a name', 'GET', '/models/model%0d%0aX-Injected:%201', management],
    ['a name that encodes nothing', 'GET', '/models/%zz', management],
    ['a name without end', 'GET', `/models/${'a'.repeat(5_000)}`, management],
    ['the prototype of an object', 'GET', '/models/__proto__', management],
    ['a version that climbs', 'GET', '/models/model/..', management],
    ['a body on the way to a listing', 'TRACE', '/models', management],
    [
      'a form that ends within a file',
      'POST',
      '/predictions/model',
      {
        token: 'inference',
        headers: { 'content-type': 'multipart/form-data; boundary=b' },
        body: '--b\r\nContent-Disposition: form-data; name="data"; filename="a"\r\n\r\nhalf of it',
      },
    ],
    ['JSON that reaches a prototype', 'POST', '/predictions/model', { token: 'inference', body: '{"__proto__":{}}' }],
  ];

  test.each(attacks)('%s', async (_what, method, path, options) => {
    const before = await refusals(world);
    const { status, text, headers } = await world.call(method, path.replace('ORIGIN', bait.origin), options);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(500);
    expect(Object.keys(headers)).not.toContain('x-injected');
    expect(text).not.toMatch(/token-of-|root:|node_modules|\.ts:/);
    expect(await refusals(world)).toBe(before + 1);
    await unharmed(world, bait.asked);
  });
});

describe('a laptop refuses', () => {
  let world: World;
  const bait = { server: undefined as Server | undefined, asked: [] as string[], origin: '' };
  let redirecting: Server;
  let target = '';
  beforeAll(async () => {
    Object.assign(bait, await canary());
    redirecting = createServer((_request, response) => response.writeHead(302, { location: target }).end());
    await new Promise<void>((resolve) => redirecting.listen(0, '127.0.0.3', resolve));
    world = startLaptop({ settings: { storageAllowedCidrs: '127.0.0.3/32' } });
    await world.ready();
  });
  afterAll(async () => {
    bait.server?.close();
    redirecting.close();
    await world.stop();
  });

  const attacks: [what: string, query: Record<string, string>][] = [
    ['an address that is not allowed', { url: 'ORIGIN/model.onnx' }],
    ['the metadata of a cloud', { url: 'http://169.254.169.254/latest/model.onnx' }],
    ['the same in other figures', { url: 'http://0xa9fea9fe/model.onnx' }],
    ['the same as an address of IPv6', { url: 'http://[::ffff:169.254.169.254]/model.onnx' }],
    ['this machine by another name', { url: 'http://localhost:8081/model.onnx' }],
    ['a redirect to the metadata of a cloud', { url: 'REDIRECT', to: 'http://169.254.169.254/model.onnx' }],
    ['a redirect to an address that is not allowed', { url: 'REDIRECT', to: 'ORIGIN/model.onnx' }],
    ['a redirect to a file', { url: 'REDIRECT', to: 'file:///etc/passwd' }],
    ['a file elsewhere', { url: 'file:///etc/passwd' }],
    ['a model elsewhere', { url: 'file:///tmp/model.onnx' }],
    ['a file of another host', { url: 'file://host/etc/model.onnx' }],
    ['a file with encoded slashes', { url: 'file:///tmp%2fmodel.onnx' }],
    ['a path that climbs', { url: 'FOLDER/../../secret.onnx' }],
    ['an encoded path that climbs', { url: 'FOLDER/%2e%2e/secret.onnx' }],
    ['a volume that climbs', { url: 'pvc://models/../../etc/model.onnx' }],
    ['an archive in an archive', { url: 'jar:file:///tmp/a.jar!/model.onnx' }],
    ['a relative name', { url: '../../etc/passwd' }],
    ['credentials in the URI', { url: 'http://user:secret@127.0.0.3/model.onnx' }],
    ['another scheme', { url: 'gopher://127.0.0.3/model.onnx' }],
    ['a script', { url: 'data:text/plain,model.onnx' }],
    ['lines in the URI', { url: 'http://127.0.0.3/model.onnx\r\nHost: x' }],
    ['a backslash in the URI', { url: 'http:\\\\127.0.0.3\\model.onnx' }],
    ['an archive for TorchServe', { url: 'http://127.0.0.3/evil.mar' }],
    ['a handler of the client', { url: 'REDIRECT', handler: 'os:system' }],
    ['a runtime of the client', { url: 'REDIRECT', runtime: 'LSP' }],
    ['a name that climbs', { url: 'REDIRECT', model_name: '../../etc' }],
    ['a name with a NUL', { url: 'REDIRECT', model_name: 'a\0b' }],
    ['a name with lines', { url: 'REDIRECT', model_name: 'a\r\nb' }],
    ['a name with a slash', { url: 'REDIRECT', model_name: 'a/b' }],
    ['a name that is a label of metrics', { url: 'REDIRECT', model_name: 'a"} 1' }],
  ];

  test.each(attacks)('%s', async (_what, { to = '', url = '', ...others }) => {
    const { uri } = (await world.report()).model;
    const folder = uri.replace(/\/model\.onnx$/, '');
    const redirect = `http://127.0.0.3:${(redirecting.address() as AddressInfo).port}/model.onnx`;
    target = to.replace('ORIGIN', bait.origin);
    const asked = url.replace('ORIGIN', bait.origin).replace('REDIRECT', redirect).replace('FOLDER', folder);
    const before = await refusals(world);
    const { status, text } = await world.call('POST', registering({ url: asked, model_name: 'evil', ...others }), {
      token: 'management',
    });
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(500);
    expect(text).not.toMatch(/secret@|root:|node_modules|\.ts:/);
    expect(await refusals(world)).toBe(before + 1);
    await unharmed(world, bait.asked);
  });
});
