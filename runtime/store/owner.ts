import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { systemCode } from './errors.ts';

const startOfOwn = startIn('/proc/self/stat');

/** Of this process alone. Where the system tells when the process began, that stands in front, behind an `s`. */
const instance = `${startOfOwn === undefined ? '' : `s${startOfOwn}-`}${randomUUID()}`;

/** This process, in the names of what it has not finished: HOST.PID.INSTANCE. */
export const owner = `${hostname().replaceAll('.', '_')}.${process.pid}.${instance}`;

/** An owner on another machine counts as dead after this long without a byte. */
const abandonedMs = 10 * 60_000;

/** Whether nobody goes on with what belongs to `of`: an `owner`, whatever follows it, or `free`. */
export async function isAbandoned(path: string, of: string, nowMs: number): Promise<boolean> {
  const [host, pid, born = ''] = of.split('.');
  if (host === 'free') return true;
  if (host === hostname().replaceAll('.', '_')) {
    if (Number(pid) === process.pid) return born !== instance;
    return !isAlive(Number(pid), born);
  }
  const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Infinity }));
  return mtimeMs + abandonedMs < nowMs;
}

/** A number that a dead process had may be another one's by now, as after a crash of the machine: their starts differ. */
function isAlive(pid: number, born: string): boolean {
  const started = /^s(\d+)-/.exec(born)?.[1];
  const start = startIn(`/proc/${pid}/stat`);
  if (started !== undefined && start !== undefined) return start === started;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) === 'EPERM';
  }
}

/** When a process began, in ticks since the machine did: field 22 of proc_pid_stat(5). Undefined where the system does not tell. */
function startIn(path: string): string | undefined {
  try {
    // The second field is a name that may hold anything; only the last parenthesis ends it.
    return readFileSync(path, 'utf8').split(')').at(-1)?.split(' ')[20];
  } catch {
    return undefined;
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
