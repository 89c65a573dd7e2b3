import { join } from 'node:path';

/** What is used of the compiler. Its own types declare AssemblyScript's `Array` and the like for every file that is checked with them. */
interface Compiler {
  main: (
    args: string[],
    options: { stderr: object; writeFile: (file: string, content: Uint8Array | string) => void },
  ) => Promise<{ error: Error | null }>;
  createMemoryStream: () => { toString: () => string };
}
const { createMemoryStream, main: compile } = (await import(['assemblyscript', 'asc'].join('/'))) as Compiler;

/**
 * A TypeScript module that holds the AssemblyScript source FOLDER/NAME.ts as WebAssembly. The memory is imported; SIMD is fixed-width
 * only, for relaxed SIMD gives different bits on different machines.
 *
 * @param folder relative to the root
 */
export async function kernelsOf(root: string, folder: string, name: string): Promise<string> {
  const source = `${folder}/${name}.ts`;
  let binary = new Uint8Array(0);
  const stderr = createMemoryStream();
  const options = ['-O3', '--runtime', 'stub', '--importMemory', '--noAssert', '--enable', 'simd'];
  const { error } = await compile([join(root, source), '--outFile', `${name}.wasm`, ...options], {
    stderr,
    writeFile: (_file, content) => {
      binary = Buffer.from(content);
    },
  });
  if (error) throw new Error(`${source}: ${stderr.toString()}`, { cause: error });
  const lines = Buffer.from(binary)
    .toString('base64')
    .match(/.{1,116}/g);
  return [
    `/** ${source} as WebAssembly, by \`npm run generate\`; change it there. */`,
    `export const ${name}Module = \``,
    ...(lines ?? []),
    '`;',
    '',
  ].join('\n');
}
