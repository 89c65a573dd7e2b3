import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

const scripts = join(import.meta.dirname, 'torch');
const requirements = join(scripts, 'requirements.txt');

/** The Python of an environment with PyTorch, made once: several GB are fetched and kept in the user's cache. */
async function torchPython(): Promise<string> {
  const hash = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 12);
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'modelyard', 'bench');
  const folder = join(cache, `torch-${hash}`);
  const python = join(folder, 'bin', 'python');
  if (existsSync(python)) return python;
  console.log('Installing PyTorch into an environment of its own (once, several GB)');
  const draft = `${folder}.part`;
  rmSync(draft, { recursive: true, force: true });
  await mkdir(cache, { recursive: true });
  execFileSync('python3', ['-m', 'venv', draft], { stdio: 'inherit' });
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--requirement', requirements];
  execFileSync(join(draft, 'bin', 'python'), pip, { stdio: 'inherit' });
  renameSync(draft, folder);
  return python;
}

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
  const python = await torchPython();
  const child = spawn(python, ['-B', join(scripts, script), folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const [answer, code] = await Promise.all([text(child.stdout), closed]);
  if (code !== 0) throw new Error(`${script} ended with code ${code}`);
  return JSON.parse(answer) as Answer;
}
