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
