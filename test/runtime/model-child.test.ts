import { execFile } from 'node:child_process';
import { readdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { joinBytes } from '../../lib/tensor-codec.ts';
import { createLog } from '../../lib/log.ts';
import { ModelChild } from '../../runtime/serving/model-child-handle.ts';
import type { RunRequest } from '../../runtime/serving/messages.ts';
import { identityModel } from '../support/models.ts';
import { onnxModel } from '../support/onnx-builder.ts';
import { until } from '../support/serving.ts';

const odd = 'CUDA failure 700: no name';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'modelyard-child-'));
  writeFileSync(join(folder, 'bytes.onnx'), identityModel('UINT8', ['n']));
  const value = (name: string) => ({ name, type: 'UINT8' as const, shape: [2] });
  const nodes = [{ op: 'Identity', inputs: [odd], outputs: ['y'] }];
  writeFileSync(join(folder, 'odd.onnx'), onnxModel({ nodes, inputs: [value(odd)], outputs: [value('y')] }));
  writeFileSync(join(folder, 'texts.onnx'), identityModel('STRING', ['n']));
});
afterAll(() => rmSync(folder, { recursive: true }));

const options = { executionProvider: 'cpu', threads: 1 } as const;
const ignored = (): void => undefined;
const begin = (): ModelChild => new ModelChild(createLog('test', 'silent'), process.env);

async function loaded(model: string): Promise<ModelChild> {
  const child = begin();
  const modelPath = join(folder, model);
  await child.load({ ...options, modelPath, directory: folder, task: 'Tensor', warmup: true, batching: true }, ignored);
  return child;
}

const numbered = (length: number, seed: number): Buffer =>
  Buffer.from(Uint8Array.from({ length }, (_, index) => (index * 31 + seed) % 251).buffer);

const ofBytes = (data: Uint8Array): RunRequest => ({
  inputs: [{ name: 'x', dataType: 'UINT8', shape: [data.byteLength], data }],
});

async function echoes(child: ModelChild, requests: readonly RunRequest[]): Promise<boolean[]> {
  const sent = requests.map(({ inputs }) => Buffer.from(inputs[0]?.data ?? []));
  // Its memory may be used for something else from that moment.
  const clear = (): void => requests.forEach(({ inputs }) => inputs[0]?.data.fill(255));
  const { results } = await child.run(requests, clear);
  return results.map(
    (result, index) => result.ok && sent[index]?.equals(result.outputs[0]?.data ?? Buffer.alloc(0)) === true,
  );
}

const descriptors = (): number => readdirSync('/proc/self/fd').length;

describe('a model process', () => {
  test('gets and gives tensors of every size unchanged, alone and in batches', async () => {
    const child = await loaded('bytes.onnx');
    const KiB = 1024;
    const around = [16 * KiB, 64 * KiB, 208 * KiB, 1024 * KiB].flatMap((size) => [size - 8, size - 1, size, size + 1]);
    const sizes = [1, 7, 8, ...around, 602_112, 40_000_000, 5, 602_112];
    for (const [seed, size] of sizes.entries())
      expect([size, ...(await echoes(child, [ofBytes(numbered(size, seed))]))]).toEqual([size, true]);
    for (const batch of [
      [1, 70_000, 8],
      [602_112, 602_112],
      [65_536, 1, 600_001, 16],
      new Array<number>(32).fill(100_000),
    ])
      expect(
        await echoes(
          child,
          batch.map((size, seed) => ofBytes(numbered(size, seed))),
        ),
      ).toEqual(batch.map(() => true));
    expect(await echoes(child, [ofBytes(Buffer.alloc(0))])).toEqual([true]);
    child.kill();
    await child.exited;
  });

  test('gets and gives large texts unchanged', async () => {
    const child = await loaded('texts.onnx');
    for (const lengths of [[0, 1], [100_000], [70_000, 0, 70_000], new Array<number>(2_000).fill(300)]) {
      const data = joinBytes(lengths.map((length, index) => Buffer.alloc(length, `${index}é`.slice(0, -1))));
      const request: RunRequest = { inputs: [{ name: 'x', dataType: 'BYTES', shape: [lengths.length], data }] };
      expect(await echoes(child, [request])).toEqual([true]);
    }
    child.kill();
    await child.exited;
  });

  test('that is killed while tensors move leaves nothing open, however often', async () => {
    const child = await loaded('bytes.onnx');
    const before = descriptors() - 3;
    let sent = 0;
    const run = child.run([ofBytes(numbered(50_000_000, 1))], () => (sent += 1));
    child.kill();
    await expect(run).rejects.toMatchObject({ code: 'ModelCrashed' });
    await child.exited;
    expect(sent).toBe(0);
    for (let life = 0; life < 20; life++) {
      const next = begin();
      const load = next.load(
        { ...options, modelPath: '', directory: '', task: '', warmup: false, batching: false },
        ignored,
      );
      next.kill();
      await expect(load).rejects.toThrow('died');
      await next.exited;
    }
    await until(() => descriptors() <= before);
  });

  test('that cannot be started, since no more files may be open, is one that died', async () => {
    const program = fileURLToPath(new URL('../support/no-descriptors-main.ts', import.meta.url));
    const { stdout } = await promisify(execFile)('sh', [
      '-c',
      'ulimit -n 64; exec "$0" "$@"',
      process.execPath,
      program,
    ]);
    expect(JSON.parse(stdout)).toEqual({
      alive: false,
      loading: expect.stringContaining('the model process died') as unknown,
      exited: expect.stringMatching(/^it could not be started: .*EMFILE/) as unknown,
    });
  });

  test('does not take names of a model on the CPU for what CUDA says', async () => {
    const child = await loaded('odd.onnx');
    const run = child.run([{ inputs: [{ name: odd, dataType: 'UINT8', shape: [3], data: Buffer.alloc(3) }] }], ignored);
    expect((await run).results).toMatchObject([
      { ok: false, message: expect.stringContaining(`the model refused the inputs: ${odd}`) as unknown },
    ]);
    child.kill();
    await child.exited;
  });
});
