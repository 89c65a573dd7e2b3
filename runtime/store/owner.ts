import { randomUUID } from 'node:crypto';
import { open, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { systemCode } from './errors.ts';

const instance = randomUUID();

/** This process, in the names of what it has not finished: HOST.PID.INSTANCE. */
export const owner = `${hostname().replaceAll('.', '_')}.${process.pid}.${instance}`;

/** An owner on another machine counts as dead after this long without a byte. */
const abandonedMs = 10 * 60_000;

/** Whether nobody goes on with what belongs to `of`: an `owner`, whatever follows it, or `free`. */
export async function isAbandoned(path: string, of: string, nowMs: number): Promise<boolean> {
  const [host, pid, born] = of.split('.');
  if (host === 'free') return true;
  if (host === hostname().replaceAll('.', '_')) {
    if (Number(pid) === process.pid) return born !== instance;
    return !isAlive(Number(pid));
  }
  const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Infinity }));
  return mtimeMs + abandonedMs < nowMs;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) === 'EPERM';
  }
}

/** Makes a file or a folder durable. */
export async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } catch (error) {
    // What some network file systems say of a folder, which they always keep.
    if (systemCode(error) !== 'EINVAL') throw error;
  } finally {
    await handle.close();
  }
}
