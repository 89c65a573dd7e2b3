import { Interrupted } from './interrupted.ts';
import type { Ledger } from './ledger.ts';
import type { StageContext } from './training-stage.ts';
import { until } from './until.ts';

/** Gets the coordinator's state of a version back from a worker. Rejects with Interrupted where that one is lost or makes no sense. */
export function recall(
  { members, generation, signal }: StageContext,
  worker: number,
  version: number,
  ledger: Ledger,
): Promise<void> {
  return until(signal, (resolve, reject) => {
    const stop = members.listen({
      workerLeft: ({ index }) => {
        if (index === worker) reject(new Interrupted(`worker ${index} left`));
      },
      workerSaid: ({ index }, message, payload) => {
        if (index !== worker || message.type !== 'recalled' || message.generation !== generation) return;
        try {
          ledger.recall(version, message.losses, payload);
          resolve();
        } catch (error) {
          reject(error as Error);
        }
      },
    });
    const holder = members.workers.find(({ index }) => index === worker);
    if (holder) void holder.connection.send({ type: 'recall', generation, version });
    else reject(new Interrupted(`worker ${worker} left`));
    return stop;
  });
}
