import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from './cache.ts';

/**
 * The folder of a Python environment of its own with what a requirements file pins: made once, kept in the user's cache.
 *
 * @param name of the environment, before the hash of its requirements
 * @param size what a person should expect of the first time
 */
export function pythonEnvironment(name: string, requirements: string, size: string): string {
  const hash = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 12);
  const folder = join(cacheFolder, `${name}-${hash}`);
  if (existsSync(pythonOf(folder))) return folder;
  console.log(`Installing ${name} into an environment of its own (once, ${size})`);
  const draft = `${folder}.part`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(cacheFolder, { recursive: true });
  execFileSync('python3', ['-m', 'venv', draft], { stdio: 'inherit' });
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--requirement', requirements];
  execFileSync(pythonOf(draft), pip, { stdio: 'inherit' });
  renameSync(draft, folder);
  return folder;
}

export const pythonOf = (environment: string): string => join(environment, 'bin', 'python');

/** The folder of an environment's packages, for another environment to borrow them. */
export const packagesOf = (environment: string): string =>
  execFileSync(pythonOf(environment), ['-c', 'import sysconfig; print(sysconfig.get_path("purelib"))'], {
    encoding: 'utf8',
  }).trim();
