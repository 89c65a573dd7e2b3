import type { IncomingMessage } from 'node:http';
import { afterEach, describe, expect, test } from '@jest/globals';
import { KubeError } from '../../operator/kube/errors.ts';
import type { HttpClient, HttpClientOptions } from '../../operator/kube/http-client.ts';
import { answer, bodyOf, scriptedServer, type Handler } from './scripted-server.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

const discovery = { resources: [{ name: 'configmaps', kind: 'ConfigMap', namespaced: true }] };
const ref = { apiVersion: 'v1', kind: 'ConfigMap', name: 'a', namespace: 'n' };
const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'n' } };

/** A client of a server that knows ConfigMaps, and otherwise answers as the handler says. */
async function serve(handler: Handler, options: Partial<HttpClientOptions> = {}) {
  const calls: string[] = [];
  const server = await scriptedServer((url, response, request) => {
    calls.push(`${request.method ?? ''} ${url.pathname}${url.search}`);
    if (url.pathname === '/api/v1') answer(response, 200, discovery);
    else handler(url, response, request);
  });
  closers.push(() => server.close());
  return { calls, client: await server.client(options) };
}

const failure = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('HttpClient', () => {
  test('asks for a kind’s plural once, and applies as its own manager, status as another', async () => {
    const types: (string | undefined)[] = [];
    const { calls, client } = await serve((_url, response, request: IncomingMessage) => {
      types.push(request.headers['content-type']);
      answer(response, 200, { ...object, metadata: { ...object.metadata, managedFields: [{}] } });
    });
    expect((await client.apply(object)).metadata.managedFields).toBeUndefined();
    await client.applyStatus(object);
    expect(calls).toEqual([
      'GET /api/v1',
      'PATCH /api/v1/namespaces/n/configmaps/a?fieldManager=m&force=true',
      'PATCH /api/v1/namespaces/n/configmaps/a/status?fieldManager=m-status&force=true',
    ]);
    expect(types).toEqual(['application/apply-patch+yaml', 'application/apply-patch+yaml']);
  });

  test('a kind that is not there is 404 with the cure, and is asked for again', async () => {
    const { calls, client } = await serve((_url, response) => answer(response, 200, {}));
    for (let call = 0; call < 2; call++) {
      const work = client.get({ ...ref, kind: 'Other' });
      await expect(work).rejects.toThrow('is its CustomResourceDefinition installed?');
      await expect(work).rejects.toMatchObject({ status: 404 });
    }
    expect(calls).toEqual(['GET /api/v1', 'GET /api/v1']);
  });

  test('a refusal carries the reason, the message, the causes and the wait of the Status', async () => {
    const details = { name: 'a', causes: [{ field: 'data', message: 'no' }] };
    const status = { kind: 'Status', reason: 'Invalid', message: 'data: no good', code: 422, details };
    const { client } = await serve((_url, response) => answer(response, 422, status, { 'retry-after': '3' }));
    const error = await failure(client.apply(object));
    expect(error).toBeInstanceOf(KubeError);
    expect(error).toMatchObject({
      status: 422,
      reason: 'Invalid',
      message: 'data: no good',
      retryAfterMs: 3_000,
      details,
    });
  });

  test('no answer is status 0, for a write that may have been done', async () => {
    const silent = await serve(() => undefined, { requestTimeoutMs: 200 });
    expect(await failure(silent.client.apply(object))).toMatchObject({ status: 0, reason: 'Timeout' });
    const cut = await serve((_url, response) => response.destroy());
    expect(await failure(cut.client.apply(object))).toMatchObject({ status: 0, reason: 'Unreachable' });
    const babble = await serve((_url, response) => void response.end('<html>'));
    expect(await failure(babble.client.apply(object))).toMatchObject({ status: 0, reason: 'Unreachable' });
  });

  test('401 is tried once more with credentials read anew, and is an error then', async () => {
    let left = 1;
    const { calls, client } = await serve((_url, response) => {
      if (left-- > 0) answer(response, 401, {});
      else answer(response, 200, object);
    });
    await client.get(ref);
    expect(calls).toHaveLength(3);
    left = 2;
    expect(await failure(client.get(ref))).toMatchObject({ status: 401, reason: 'Unauthorized' });
  });

  test('a call ends when its signal aborts', async () => {
    const stop = new AbortController();
    const { client } = await serve(() => stop.abort());
    expect(await failure(client.get(ref, { signal: stop.signal }))).toMatchObject({ status: 0 });
  });
});

describe('HttpClient.remove', () => {
  const removing = async (status: number): Promise<{ body: () => Promise<object>; client: HttpClient }> => {
    let body: Promise<object> = Promise.resolve({});
    const { client } = await serve((_url, response, request) => {
      body = bodyOf(request);
      void body.then(() => answer(response, status, status === 200 ? object : { reason: 'Conflict' }));
    });
    return { body: () => body, client };
  };

  test('deletes in the background, and only the incarnation it is told', async () => {
    const { body, client } = await removing(200);
    await client.remove({ ...ref, uid: 'u' });
    expect(await body()).toMatchObject({ propagationPolicy: 'Background', preconditions: { uid: 'u' } });
    await client.remove(ref);
    expect(await body()).not.toHaveProperty('preconditions');
  });

  test('takes away what does not go by itself, where it is told to', async () => {
    const { body, client } = await removing(200);
    await client.remove(ref, { gracePeriodSeconds: 0 });
    expect(await body()).toMatchObject({ gracePeriodSeconds: 0 });
    await client.remove(ref);
    expect(await body()).not.toHaveProperty('gracePeriodSeconds');
  });

  test.each([
    ['a node has still to stop it', { deletionGracePeriodSeconds: 30 }, true],
    ['a finalizer holds it', { deletionGracePeriodSeconds: 0, finalizers: ['a/b'] }, true],
    ['these are its last words', { deletionGracePeriodSeconds: 0 }, false],
  ])('tells whether the object is still there: %s', async (_why, metadata, there) => {
    const left = { ...object, metadata: { ...object.metadata, ...metadata } };
    const { client } = await serve((_url, response) => answer(response, 200, left));
    expect(await client.remove(ref)).toEqual(there ? left : undefined);
  });

  test('takes a Status for the word that it is gone', async () => {
    const { client } = await serve((_url, response) => answer(response, 200, { kind: 'Status', status: 'Success' }));
    expect(await client.remove(ref)).toBeUndefined();
  });

  test('what is gone already is no error, and another incarnation of the name means gone', async () => {
    await (await removing(404)).client.remove(ref);
    await (await removing(409)).client.remove({ ...ref, uid: 'u' });
  });

  test('every other refusal is an error', async () => {
    expect(await failure((await removing(409)).client.remove(ref))).toMatchObject({ status: 409 });
    expect(await failure((await removing(403)).client.remove({ ...ref, uid: 'u' }))).toMatchObject({ status: 403 });
  });
});
