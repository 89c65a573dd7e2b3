import { readFile } from 'node:fs/promises';

/** Linux counts in these for programs, whatever the kernel's own clock. */
const ticksPerSecond = 100;

/**
 * How long a process has been there. Undefined where there is no such process, or the kernel does not say.
 *
 * Source: proc_pid_stat(5), `starttime` in ticks since the boot, and proc_uptime(5) in seconds.
 */
export async function processAgeMs(pid: number): Promise<number | undefined> {
  const [stat, uptime] = await Promise.all([
    readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ''),
    readFile('/proc/uptime', 'utf8').catch(() => ''),
  ]);
  // The second field is the program's name in parentheses, and may hold spaces.
  const startTicks = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  const ageMs = (parseFloat(uptime) - startTicks / ticksPerSecond) * 1_000;
  return Number.isFinite(ageMs) ? Math.max(0, ageMs) : undefined;
}
