import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * TypeScript for the messages of a proto file: types, and the schemas that @bufbuild/protobuf reads and writes them by.
 *
 * @param folder that holds the file, relative to the root
 */
export function messagesOf(root: string, folder: string, file: string): string {
  const bin = join(root, 'node_modules', '.bin');
  const out = mkdtempSync(join(tmpdir(), 'modelyard-messages-'));
  const plugin = { local: join(bin, 'protoc-gen-es'), out, opt: ['target=ts'] };
  const template = JSON.stringify({ version: 'v2', plugins: [plugin] });
  try {
    const args = ['generate', folder, '--path', join(folder, file), '--template', template];
    execFileSync(join(bin, 'buf'), args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
    return readFileSync(join(out, file.replace(/\.proto$/, '_pb.ts')), 'utf8');
  } finally {
    rmSync(out, { recursive: true });
  }
}

/** A module with the FileDescriptorSet of these files and what they import, in base64. */
export function descriptorsOf(root: string, folder: string, files: readonly string[]): string {
  const paths = files.flatMap((file) => ['--path', join(folder, file)]);
  const args = ['build', folder, ...paths, '--exclude-source-info', '--as-file-descriptor-set', '--output', '-'];
  const set = execFileSync(join(root, 'node_modules', '.bin', 'buf'), args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return [
    `/** What ${folder} declares of services and their messages, generated from it by \`npm run generate\`; change it there. */`,
    `export const descriptorSet =\n  '${set.toString('base64')}';`,
    '',
  ].join('\n');
}
