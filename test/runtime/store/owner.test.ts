import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { hostname } from 'node:os';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { isAbandoned, owner } from '../../../runtime/store/owner.ts';

const host = hostname().replaceAll('.', '_');
const module = new URL('../../../runtime/store/owner.ts', import.meta.url).href;
const abandoned = (of: string): Promise<boolean> => isAbandoned('/nowhere', of, Date.now());

describe('what a process has not finished', () => {
  let other: ChildProcess;
  /** As the other process calls itself. */
  let its: string;

  beforeEach(async () => {
    const program = `
      process.title = 'odd) 1 (2';
      import(${JSON.stringify(module)}).then(({ owner }) => process.stdout.write(owner));
      setInterval(() => {}, 1e6);`;
    other = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [name] = (await once(other.stdout ?? other, 'data')) as [Buffer];
    its = name.toString();
  });

  afterEach(async () => {
    if (other.signalCode !== null) return;
    other.kill('SIGKILL');
    await once(other, 'exit');
  });

  test("is its own while it lives, and anybody's afterwards", async () => {
    expect(await abandoned(owner)).toBe(false);
    expect(its).toMatch(new RegExp(`^${host}\\.${other.pid}\\.s\\d+-`));
    expect(await abandoned(its)).toBe(false);
    expect(await abandoned(`${its}.7`)).toBe(false);
    other.kill('SIGKILL');
    await once(other, 'exit');
    expect(await abandoned(its)).toBe(true);
  });

  test('is not that of a later process with the same number', async () => {
    const earlier = its.replace(/\.s\d+-/, '.s1-');
    expect(await abandoned(earlier)).toBe(true);
    expect(await abandoned(owner.replace(/\.s\d+-/, '.s1-'))).toBe(true);
  });

  test('is its own while a process with its number lives, where the name does not say when it began', async () => {
    expect(await abandoned(its.replace(/\.s\d+-/, '.'))).toBe(false);
    expect(await abandoned(`${host}.999999999.dead`)).toBe(true);
  });
});
