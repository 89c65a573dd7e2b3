import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { adminPaths } from '../../runtime/contract.ts';
import { identityModel } from '../support/models.ts';
import { startServingProcess, until, type ServingProcess } from '../support/serving.ts';
import { serve, sha256, type Listening } from './store/workplace.ts';

let cacheDir: string;
let server: Listening;
let downloads: number;

beforeEach(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'modelyard-cache-'));
  downloads = 0;
  const model = identityModel('FLOAT');
  server = await serve((_, response) => {
    response.writeHead(200, { etag: `"${sha256(model)}"`, 'content-length': model.length });
    response.end(model, () => (downloads += 1));
  });
});
afterEach(async () => {
  await server.close();
  await rm(cacheDir, { recursive: true });
});

const start = (): ServingProcess =>
  startServingProcess({
    files: {},
    settings: {
      modelUri: `http://127.0.0.1:${server.port}/model.onnx`,
      storageAllowedCidrs: '127.0.0.0/8',
      cacheDir,
    },
  });

const infer = (serving: ServingProcess): Promise<Response> =>
  fetch(`${serving.url}/v2/models/model/infer`, {
    method: 'POST',
    body: JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1], data: [7] }] }),
  });

const metricsOf = async (serving: ServingProcess): Promise<string> =>
  (await fetch(`${serving.admin}${adminPaths.metrics}`)).text();

test('a model whose files are gone when its process is started again is downloaded again, and no request fails', async () => {
  const serving = start();
  try {
    await serving.ready();
    const { pid } = serving.process;
    const child = Number.parseInt(await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8'), 10);
    await rm(join(cacheDir, 'sha256'), { recursive: true });
    process.kill(child, 'SIGKILL');
    await until(() => serving.log().includes('the files of the model are gone'));
    const answer = await infer(serving);
    expect([answer.status, await answer.json()]).toMatchObject([200, { outputs: [{ data: [7] }] }]);
    expect(await readdir(join(cacheDir, 'sha256'))).toHaveLength(1);
    expect(downloads).toBe(2);
    expect(await metricsOf(serving)).toMatch(/modelyard_cache_requests_total\{result="miss"\} 2/);
  } finally {
    expect(await serving.stop()).toBe(0);
  }
}, 60_000);

test('a second pod takes the model from the cache, and both say what the cache holds', async () => {
  const both = [start(), start()];
  try {
    await Promise.all(both.map((serving) => serving.ready()));
    const texts = await Promise.all(both.map(metricsOf));
    const results = texts.flatMap((text) => [...text.matchAll(/^modelyard_cache_requests_total.*$/gm)].map(String));
    expect(results.toSorted()).toEqual([
      'modelyard_cache_requests_total{result="hit"} 1',
      'modelyard_cache_requests_total{result="miss"} 1',
    ]);
    const bytes = identityModel('FLOAT').length;
    for (const text of texts) expect(text).toContain(`modelyard_cache_bytes ${bytes}\n`);
    expect(await readdir(join(cacheDir, 'leases'))).toHaveLength(1);
  } finally {
    for (const serving of both) expect(await serving.stop()).toBe(0);
  }
}, 60_000);
