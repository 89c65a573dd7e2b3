import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The extended resources of this machine: NVIDIA devices, where their tool lists any. */
export async function localDevices(): Promise<Record<string, number>> {
  try {
    const { stdout } = await run('nvidia-smi', ['--list-gpus'], { timeout: 10_000 });
    const count = stdout.split('\n').filter((line) => line.startsWith('GPU ')).length;
    return count > 0 ? { 'nvidia.com/gpu': count } : {};
  } catch {
    // No tool, or no driver: no devices.
    return {};
  }
}
