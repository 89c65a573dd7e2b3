import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pythonEnvironment, pythonOf } from './python-environment.ts';

const scripts = join(import.meta.dirname, 'torch');

/** The environment with PyTorch. */
export const torchEnvironment = (): string =>
  pythonEnvironment('torch', join(scripts, 'requirements.txt'), 'several GB');

type CaseFiles = Record<string, Uint8Array | Float32Array | BigInt64Array>;

/**
 * Hands a case to a script of bench/torch and returns what it answers.
 *
 * @param files what lies beside `case.json`, raw
 */
export async function runTorch<Answer>(script: string, description: object, files: CaseFiles): Promise<Answer> {
  const folder = mkdtempSync(join(tmpdir(), 'modelyard-torch-'));
  try {
    writeFileSync(join(folder, 'case.json'), JSON.stringify(description));
    for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
    return await runTorchOn(script, folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Runs a script of bench/torch on a folder that it knows what to do with. */
export async function runTorchOn<Answer>(script: string, folder: string): Promise<Answer> {
  const child = spawn(pythonOf(torchEnvironment()), ['-B', join(scripts, script), folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const [answer, code] = await Promise.all([text(child.stdout), closed]);
  if (code !== 0) throw new Error(`${script} ended with code ${code}`);
  return JSON.parse(answer) as Answer;
}
