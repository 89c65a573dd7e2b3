/** `npm run verify`: everything that can be judged without running the product. Prints each check with its time. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const bin = (name: string): string => join('node_modules', '.bin', name);
const run = (command: string, args: string[]): boolean => spawnSync(command, args, { stdio: 'inherit' }).status === 0;
const tracked = (): string[] => {
  const listed = spawnSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { encoding: 'utf8' });
  return listed.stdout.split('\n').filter((file) => file !== '');
};

const maxLines = 450;

/** Generated files are regenerated elsewhere and compared, so that the check changes nothing. */
function generatedFilesAreCurrent(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'modelyard-generate-'));
  try {
    return run('node', ['scripts/generate.ts', '--check', folder]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function filesAreShort(): boolean {
  const long = tracked()
    .filter((file) => /\.(ts|js|py|sh)$/.test(file) && !file.endsWith('.gen.ts'))
    .map((file) => ({ file, lines: readFileSync(file, 'utf8').split('\n').length - 1 }))
    .filter(({ lines }) => lines > maxLines);
  for (const { file, lines } of long) console.error(`${file}: ${lines} lines; split it, the limit is ${maxLines}`);
  return long.length === 0;
}

const checks: [string, () => boolean][] = [
  ['types', () => run(bin('tsc'), ['--noEmit'])],
  ['lint', () => run(bin('eslint'), ['.', '--max-warnings', '0'])],
  ['formatting', () => run(bin('prettier'), ['--check', '--log-level', 'warn', '.'])],
  ['generated files unchanged', generatedFilesAreCurrent],
  ['no dead exports, files or dependencies', () => run(bin('knip'), [])],
  [`no file above ${maxLines} lines`, filesAreShort],
];

let failed = 0;
for (const [name, check] of checks) {
  const startedAt = performance.now();
  const passed = check();
  if (!passed) failed += 1;
  console.log(`${passed ? 'ok    ' : 'FAILED'} ${name} (${((performance.now() - startedAt) / 1000).toFixed(1)} s)`);
}
process.exitCode = failed === 0 ? 0 : 1;
