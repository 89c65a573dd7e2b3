import { readFileSync } from 'node:fs';

/** Where a container sees its own control group: version 2, then version 1. */
const files = ['/sys/fs/cgroup/memory.events', '/sys/fs/cgroup/memory/memory.oom_control'];

/** How many processes of this container the kernel has killed for their memory; 0 where it does not say. */
export function memoryKills(read: (file: string) => string = (file) => readFileSync(file, 'utf8')): number {
  for (const file of files) {
    try {
      const [, count] = /^oom_kill (\d+)$/m.exec(read(file)) ?? [];
      if (count !== undefined) return Number(count);
    } catch {
      continue;
    }
  }
  return 0;
}
