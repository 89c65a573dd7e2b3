import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * A TypeScript module that holds the AssemblyScript source FOLDER/NAME.ts as WebAssembly: once over a memory of its own and, where asked for, once
 * over one that threads share. The memory is imported; SIMD is fixed-width only, for relaxed SIMD gives different bits on different machines.
 *
 * @param folder relative to the root
 */
export function kernelsOf(root: string, folder: string, name: string, { shared = false } = {}): string {
  const source = `${folder}/${name}.ts`;
  return [
    `/** ${source} as WebAssembly, by \`npm run generate\`; change it there. */`,
    ...constantOf(`${name}Module`, compiled(root, source, [])),
    ...(shared ? ['', '/** The same, over shared memory. */'] : []),
    ...(shared ? constantOf(`${name}SharedModule`, compiled(root, source, sharedOptions)) : []),
    '',
  ].join('\n');
}

/** 65,536 pages are all that WebAssembly can address: the memory may have fewer. */
const sharedOptions = ['--sharedMemory', '--enable', 'threads', '--initialMemory', '1', '--maximumMemory', '65536'];

function constantOf(name: string, wasm: Buffer): string[] {
  const lines = wasm.toString('base64').match(/.{1,116}/g) ?? [];
  return [`export const ${name} = \``, ...lines, '`;'];
}

function compiled(root: string, source: string, moreOptions: readonly string[]): Buffer {
  const out = mkdtempSync(join(tmpdir(), 'modelyard-kernels-'));
  const file = join(out, 'module.wasm');
  const options = ['-O3', '--runtime', 'stub', '--importMemory', '--noAssert', '--enable', 'simd', ...moreOptions];
  try {
    // Not imported: the compiler's types declare its own `Array` and the like for every file that is checked with them.
    execFileSync(join(root, 'node_modules', '.bin', 'asc'), [source, '--outFile', file, ...options], {
      cwd: root,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    return readFileSync(file);
  } finally {
    rmSync(out, { recursive: true });
  }
}
