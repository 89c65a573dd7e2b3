import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pythonEnvironment, pythonOf } from '../python-environment.ts';

const scripts = import.meta.dirname;

/** Runs a script of this folder in an environment with shap and lime, on one thread, and returns what it prints, parsed. */
export async function runPackages<Answer>(
  script: string,
  args: readonly string[],
  input: object = {},
): Promise<Answer> {
  const environment = pythonEnvironment('explain', join(scripts, 'requirements.txt'), '700 MB');
  const child = spawn(pythonOf(environment), ['-B', join(scripts, script), ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1', TQDM_DISABLE: '1' },
  });
  const closed = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  child.stdin.end(JSON.stringify(input));
  const [answer, code] = await Promise.all([text(child.stdout), closed]);
  if (code !== 0) throw new Error(`${script} ended with code ${code}`);
  return JSON.parse(answer) as Answer;
}
