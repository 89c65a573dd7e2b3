import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';

const main = join(import.meta.dirname, '..', '..', '..', '..', 'runtime', 'train.ts');
const tell = 'process.on("exit", () => console.log(`TF32 ${process.env.NVIDIA_TF32_OVERRIDE}`))';

/** What CUDA would read in a training process; this one ends at once, for it is told nothing. */
const override = (env: NodeJS.ProcessEnv): Promise<string | undefined> =>
  new Promise((resolve) => {
    execFile(process.execPath, ['--import', `data:text/javascript,${tell}`, main], { env }, (_, stdout) =>
      resolve(/^TF32 (\S+)$/m.exec(stdout)?.[1]),
    );
  });

test('a training process computes products of float32 in float32, unless its image says otherwise', async () => {
  expect(await override({})).toBe('0');
  expect(await override({ NVIDIA_TF32_OVERRIDE: '1' })).toBe('1');
});
