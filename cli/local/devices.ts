import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The devices of this machine by the extended resource that Kubernetes has for them, such as `{ 'nvidia.com/gpu': ['0', '1'] }`. */
export type Devices = Readonly<Record<string, readonly string[]>>;

const gpu = 'nvidia.com/gpu';

/** What a program reads to know which GPUs are its own: their numbers or names. */
const visible = 'CUDA_VISIBLE_DEVICES';

/** NVIDIA devices, where their tool lists any: those that the environment lets a program see. */
export async function localDevices(env: NodeJS.ProcessEnv): Promise<Devices> {
  try {
    const { stdout } = await run('nvidia-smi', ['--list-gpus'], { timeout: 10_000, env });
    const listed = stdout.split('\n').flatMap((line) => /^GPU (\d+):/.exec(line)?.[1] ?? []);
    const given = env[visible];
    const names = listed.length === 0 || given === undefined ? listed : namesIn(given, listed);
    return names.length > 0 ? { [gpu]: names } : {};
  } catch {
    // No tool, or no driver: no devices.
    return {};
  }
}

/** As CUDA reads a list: what follows the first number that no device has, such as -1, is not seen either. Names may also be UUIDs. */
function namesIn(list: string, listed: readonly string[]): string[] {
  const names = list.split(',').map((name) => name.trim());
  const end = names.findIndex((name) => !listed.includes(name) && !/^(GPU|MIG)-/.test(name));
  return names.slice(0, end === -1 ? names.length : end);
}

/**
 * Picks devices that no other pod holds.
 *
 * @param wanted how many of each resource; there are as many
 */
export function pickDevices(
  devices: Devices,
  wanted: Readonly<Record<string, number>>,
  held: readonly Devices[],
): Devices {
  return Object.fromEntries(
    Object.entries(wanted).map(([resource, count]) => {
      const taken = new Set(held.flatMap((one) => one[resource] ?? []));
      return [resource, (devices[resource] ?? []).filter((name) => !taken.has(name)).slice(0, count)];
    }),
  );
}

/** A pod sees its own GPUs and no others. */
export const deviceEnv = (devices: Devices, own: Devices): Record<string, string> =>
  devices[gpu] === undefined ? {} : { [visible]: (own[gpu] ?? []).join() };
