import { spawnSync } from 'node:child_process';

/** Throws where a command is not installed, with the package that brings it. */
export function requireTools(packages: Readonly<Record<string, string>>): void {
  const missing = Object.entries(packages).filter(([command]) => spawnSync(command, ['--version']).error);
  if (missing.length === 0) return;
  const list = missing.map(([command, name]) => `${command} (${name})`).join(', ');
  throw new Error(`this benchmark needs commands that are not installed: ${list}`);
}
