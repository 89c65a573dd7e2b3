import { readFile } from 'node:fs/promises';

/**
 * Bytes of memory that a process holds, its share of what it has together with others counted once: PSS. Where the kernel does not
 * say, all that is resident. Undefined where there is no such process.
 *
 * Source: proc_pid_smaps_rollup(5) and proc_pid_status(5); both count in kB of 1,024 bytes.
 */
export async function processBytes(pid: number): Promise<number | undefined> {
  return (
    (await kibibytes(pid, 'smaps_rollup', /^Pss: +(\d+) kB$/m)) ?? kibibytes(pid, 'status', /^VmRSS:\s+(\d+) kB$/m)
  );
}

async function kibibytes(pid: number, file: string, pattern: RegExp): Promise<number | undefined> {
  const text = await readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '');
  const [, count] = pattern.exec(text) ?? [];
  return count === undefined ? undefined : Number(count) * 1024;
}
