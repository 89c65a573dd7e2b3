import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { localDevices } from '../../cli/local/devices.ts';

describe('the devices of a machine', () => {
  let folder: string;
  const withTool = async (script: string): Promise<NodeJS.ProcessEnv> => {
    const tool = join(folder, 'nvidia-smi');
    await writeFile(tool, `#!/bin/sh\n${script}\n`);
    await chmod(tool, 0o755);
    return { PATH: `${folder}:/bin:/usr/bin` };
  };
  const twoGpus = `echo 'GPU 0: NVIDIA H200 (UUID: GPU-6c77)'; echo 'GPU 1: NVIDIA H200 (UUID: GPU-8a01)'`;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'modelyard-devices-'));
  });

  afterAll(() => rm(folder, { recursive: true }));

  test('are what the tool of their driver lists', async () => {
    expect(await localDevices(await withTool(twoGpus))).toEqual({ 'nvidia.com/gpu': ['0', '1'] });
  });

  test('are those of them that the person lets programs see', async () => {
    const env = await withTool(twoGpus);
    expect(await localDevices({ ...env, CUDA_VISIBLE_DEVICES: '1' })).toEqual({ 'nvidia.com/gpu': ['1'] });
    expect(await localDevices({ ...env, CUDA_VISIBLE_DEVICES: '' })).toEqual({});
  });

  test.each([
    ['0, 1', ['0', '1']],
    ['1,-1,0', ['1']],
    ['0,2,1', ['0']],
    [' GPU-8a01 , MIG-77', ['GPU-8a01', 'MIG-77']],
  ])('are read from %j as CUDA reads it', async (list, names) => {
    const env = await withTool(twoGpus);
    expect(await localDevices({ ...env, CUDA_VISIBLE_DEVICES: list })).toEqual({ 'nvidia.com/gpu': names });
  });

  test.each(['-1', 'NoDevFiles', ' ', 'none'])('are none where programs are to see %j', async (list) => {
    const env = await withTool(twoGpus);
    expect(await localDevices({ ...env, CUDA_VISIBLE_DEVICES: list })).toEqual({});
  });

  test.each([
    ['the tool finds no driver', 'echo failed because it could not communicate with the driver; exit 9'],
    ['the tool lists none', 'echo No devices were found'],
  ])('are none where %s', async (_, script) => {
    expect(await localDevices(await withTool(script))).toEqual({});
  });

  test('are none where there is no such tool', async () => {
    expect(await localDevices({ PATH: '/nowhere', CUDA_VISIBLE_DEVICES: '0' })).toEqual({});
  });
});
