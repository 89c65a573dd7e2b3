import { request } from 'node:http';
import { afterEach, describe, expect, test } from '@jest/globals';
import { Counter } from 'prom-client';
import { json, metrics, probe, startHealthServer, type HealthServer, type Routes } from '../../../lib/health.ts';
import { createRegistry } from '../../../lib/metrics.ts';

const servers: HealthServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function serve(routes: Routes): Promise<(path: string, method?: string) => Promise<Response>> {
  const server = await startHealthServer({ host: '127.0.0.1', port: 0, routes });
  servers.push(server);
  return (path, method = 'GET') => fetch(`http://127.0.0.1:${server.port}${path}`, { method });
}

describe('the health server', () => {
  test('says ok, or 503 and why not', async () => {
    let whyNot: string | undefined = 'the model is loading';
    const get = await serve({ '/readyz': () => probe(whyNot) });
    const before = await get('/readyz');
    expect([before.status, await before.text()]).toEqual([503, 'the model is loading\n']);
    whyNot = undefined;
    const after = await get('/readyz?verbose');
    expect([after.status, await after.text(), after.headers.get('cache-control')]).toEqual([200, 'ok\n', 'no-store']);
  });

  test('answers only GET and HEAD of exact paths', async () => {
    const get = await serve({ '/report': () => json({ a: 1 }) });
    expect(await (await get('/report')).json()).toEqual({ a: 1 });
    const head = await get('/report', 'HEAD');
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '7', '']);
    expect((await get('/report', 'POST')).status).toBe(405);
    for (const path of ['/report/', '/', '/__proto__', '/toString']) expect((await get(path)).status).toBe(404);
  });

  test('a route that throws is 500 with the message, and the server goes on', async () => {
    const get = await serve({
      '/broken': () => Promise.reject(new Error('no metrics today')),
      '/livez': () => probe(undefined),
    });
    const response = await get('/broken');
    expect([response.status, await response.text()]).toEqual([500, 'no metrics today\n']);
    expect((await get('/livez')).status).toBe(200);
  });

  test('serves what a registry holds, and registries do not share', async () => {
    const [one, two] = [createRegistry({ ofProcess: false }), createRegistry({ ofProcess: true })];
    new Counter({ name: 'things_total', help: 'Things', registers: [one] }).inc(3);
    const get = await serve({ '/one': () => metrics(one), '/two': () => metrics(two) });
    const text = await (await get('/one')).text();
    expect(text).toContain('things_total 3');
    expect(text).not.toContain('process_cpu_seconds_total');
    const other = await (await get('/two')).text();
    expect(other).toContain('process_cpu_seconds_total');
    expect(other).not.toContain('things_total');
  });

  test('a port that is taken is an error', async () => {
    const server = await startHealthServer({ host: '127.0.0.1', port: 0, routes: {} });
    servers.push(server);
    await expect(startHealthServer({ host: '127.0.0.1', port: server.port, routes: {} })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
  });

  test('closing does not wait for a client that says nothing more', async () => {
    const server = await startHealthServer({ host: '127.0.0.1', port: 0, routes: {} });
    const client = request({ host: '127.0.0.1', port: server.port, method: 'POST', path: '/' });
    const ended = new Promise((resolve) => client.once('error', resolve));
    await new Promise((resolve) => {
      client.once('socket', (socket) => socket.once('connect', resolve));
      client.flushHeaders();
    });
    await server.close();
    client.write('too late');
    await ended;
  });
});
