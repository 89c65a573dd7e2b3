/** What is known when a generation begins. Versions are numbers of steps done. */
export interface Holdings {
  /** For each server the versions that it has. */
  servers: readonly (readonly number[])[];
  /** Versions of servers that workers can fill. */
  mirrors: readonly { worker: number; server: number; version: number }[];
  /** How many steps this process knows all about. */
  knownSteps: number;
  /** Workers that have the coordinator's state of a version. */
  states: readonly { worker: number; version: number }[];
  /** The version of the newest checkpoint. */
  checkpoint: number | undefined;
}

/** How all servers come to have the same version. */
export type Recovery =
  | {
      kind: 'Continue';
      version: number;
      /** Servers that lack it, and who fills them. All others have it. */
      fills: { server: number; worker: number }[];
      /** Who tells the coordinator's state; undefined: it is here. */
      recall: number | undefined;
    }
  | { kind: 'Checkpoint'; version: number }
  | { kind: 'Start' };

/** The newest version that every server has or can be filled with, unless a checkpoint is newer. */
export function chooseRecovery(holdings: Holdings): Recovery {
  const { servers, mirrors, checkpoint } = holdings;
  const candidates = [...new Set([...servers.flat(), ...mirrors.map(({ version }) => version)])].sort((a, b) => b - a);
  for (const version of candidates) {
    if (checkpoint !== undefined && checkpoint > version) break;
    const recovery = continueAt(version, holdings);
    if (recovery) return recovery;
  }
  return checkpoint === undefined ? { kind: 'Start' } : { kind: 'Checkpoint', version: checkpoint };
}

function continueAt(version: number, { servers, mirrors, knownSteps, states }: Holdings): Recovery | undefined {
  const fills: { server: number; worker: number }[] = [];
  for (const [server, versions] of servers.entries()) {
    if (versions.includes(version)) continue;
    const mirror = mirrors.find((held) => held.server === server && held.version === version);
    if (!mirror) return undefined;
    fills.push({ server, worker: mirror.worker });
  }
  if (version <= knownSteps) return { kind: 'Continue', version, fills, recall: undefined };
  const recall = states.find((held) => held.version === version);
  return recall && { kind: 'Continue', version, fills, recall: recall.worker };
}

/** Whether it is worth waiting for others: somebody has a newer version, and somebody lacks it. */
export function mayImprove({ servers, mirrors, checkpoint }: Holdings, { kind }: Recovery): boolean {
  const newest = Math.max(0, ...servers.flat(), ...mirrors.map(({ version }) => version));
  return kind !== 'Continue' && newest > (checkpoint ?? 0);
}
