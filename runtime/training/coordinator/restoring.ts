import { slicesOf } from '../layout.ts';
import type { CoordinatorToServer } from '../messages.ts';
import { TrainingFailure } from '../../errors.ts';
import type { TrainingFault } from '../../training-contract.ts';
import type { SliceClient } from './options.ts';
import { TransportError } from '../transport/connection.ts';
import { Interrupted } from './interrupted.ts';
import type { StageContext } from './training-stage.ts';
import { until } from './until.ts';

/** Where a server gets its version from. */
type Source = Extract<CoordinatorToServer, { type: 'restore' }>['from'];

export interface RestoringOptions extends StageContext {
  version: number;
  /** For each server. */
  sources: readonly Source[];
  /** Workers that fill servers. */
  fills?: readonly { server: number; worker: number }[];
  /** Fills those that no worker fills. */
  fill?: (server: number) => Promise<void>;
  onFault: (fault: TrainingFault | undefined) => void;
  /** A server cannot read what lies in this folder. */
  onUnreadable?(folder: string, message: string): void;
}

/**
 * Brings every server to one version. Rejects with Interrupted where somebody who is needed for that is lost, and with TrainingFailure where
 * storage does not work and no repeating helps.
 */
export async function restore(options: RestoringOptions): Promise<void> {
  const { members, generation, signal, incarnations, version, sources, fills = [], onFault } = options;
  const restored = new Set<number>();
  const begin = async (server: number): Promise<void> => {
    const filler = fills.find((fill) => fill.server === server)?.worker;
    const worker = members.workers.find(({ index }) => index === filler);
    if (filler !== undefined && !worker) throw new Interrupted(`worker ${filler}, which was to fill a server, left`);
    if (worker) await worker.connection.send({ type: 'fill', generation, server, version });
    else await options.fill?.(server);
  };
  await until<undefined>(signal, (resolve, reject) => {
    const stop = members.listen({
      serverSaid: ({ index }, message) => {
        if (!('generation' in message) || message.generation !== generation) return;
        if (message.type === 'expecting') begin(index).catch(reject);
        else if (message.type === 'restored') {
          restored.add(index);
          if (restored.size === incarnations.length) resolve(undefined);
        } else if (message.type === 'unreadable') {
          options.onUnreadable?.(message.folder, message.message);
          reject(new Interrupted(message.message));
        } else if (message.type === 'troubled') {
          if (message.fault.retrying) onFault(message.fault);
          else reject(new TrainingFailure(message.fault));
        }
      },
    });
    for (const { index, connection } of members.servers) {
      const from = sources[index] ?? { kind: 'Held' };
      void connection.send({ type: 'restore', generation, version, from });
    }
    members.toWorkers({ type: 'servers', generation, incarnations });
    return stop;
  });
  onFault(undefined);
}

/** Sends servers their parts of the weights as soon as they wait for them. Rejects with Interrupted. */
export function fillWith(
  slices: SliceClient,
  { generation, incarnations }: StageContext,
  version: number,
  weights: Float32Array,
): (server: number) => Promise<void> {
  const parts = slicesOf(weights.length, incarnations.length);
  return (server) => {
    const { from, to } = parts[server] ?? { from: 0, to: 0 };
    const incarnation = incarnations[server] ?? 0;
    return interruptible([slices.fill(server, incarnation, generation, version, weights.subarray(from, to))]);
  };
}

/** The whole flat vector of a version that all servers have. Rejects with Interrupted. */
export async function pullAll(
  slices: SliceClient,
  { generation, incarnations }: StageContext,
  version: number,
  total: number,
): Promise<Float32Array> {
  const weights = new Float32Array(total);
  const parts = slicesOf(total, incarnations.length);
  await interruptible(
    parts.map(({ from, to }, server) =>
      slices.pull(server, incarnations[server] ?? 0, generation, version, weights.subarray(from, to)),
    ),
  );
  return weights;
}

/** A connection that fails means that a server is gone or going: the generation ends. */
async function interruptible(transfers: Promise<void>[]): Promise<void> {
  try {
    await Promise.all(transfers);
  } catch (error) {
    const isUntrusted =
      error instanceof TrainingFailure || (error instanceof TransportError && error.code === 'Untrusted');
    throw new Interrupted(
      `a parameter server cannot be reached: ${error instanceof Error ? error.message : String(error)}`,
      isUntrusted ? 'InvalidTransportSecret' : 'WaitingForServers',
    );
  }
}
