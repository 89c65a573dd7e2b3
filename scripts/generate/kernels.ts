import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * A TypeScript module that holds the AssemblyScript source FOLDER/NAME.ts as WebAssembly. The memory is imported; SIMD is
 * fixed-width only, for relaxed SIMD gives different bits on different machines.
 *
 * @param folder relative to the root
 */
export function kernelsOf(root: string, folder: string, name: string): string {
  const source = `${folder}/${name}.ts`;
  const out = mkdtempSync(join(tmpdir(), 'modelyard-kernels-'));
  const file = join(out, `${name}.wasm`);
  const options = ['-O3', '--runtime', 'stub', '--importMemory', '--noAssert', '--enable', 'simd'];
  try {
    // Not imported: the compiler's types declare its own `Array` and the like for every file that is checked with them.
    execFileSync(join(root, 'node_modules', '.bin', 'asc'), [source, '--outFile', file, ...options], {
      cwd: root,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const lines = readFileSync(file)
      .toString('base64')
      .match(/.{1,116}/g);
    return [
      `/** ${source} as WebAssembly, by \`npm run generate\`; change it there. */`,
      `export const ${name}Module = \``,
      ...(lines ?? []),
      '`;',
      '',
    ].join('\n');
  } finally {
    rmSync(out, { recursive: true });
  }
}
