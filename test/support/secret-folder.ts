import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface SecretFolder {
  path: string;
  /** Replaces all files, as the kubelet does: in one step, by a link. */
  write(files: Readonly<Record<string, string>>): void;
  remove(): void;
}

/** A Secret or ConfigMap as the kubelet mounts it. */
export function secretFolder(files: Readonly<Record<string, string>>): SecretFolder {
  const path = mkdtempSync(join(tmpdir(), 'modelyard-secret-'));
  let version = 0;
  let names: string[] = [];
  const write: SecretFolder['write'] = (next) => {
    const before = `..${version}`;
    const folder = `..${++version}`;
    mkdirSync(join(path, folder));
    for (const [name, text] of Object.entries(next)) writeFileSync(join(path, folder, name), text);
    symlinkSync(folder, join(path, '..data_tmp'));
    renameSync(join(path, '..data_tmp'), join(path, '..data'));
    for (const name of Object.keys(next)) {
      if (!names.includes(name)) symlinkSync(join('..data', name), join(path, name));
    }
    for (const name of names) if (!(name in next)) rmSync(join(path, name));
    names = Object.keys(next);
    rmSync(join(path, before), { recursive: true, force: true });
  };
  write(files);
  return { path, write, remove: () => rmSync(path, { recursive: true, force: true }) };
}
