/**
 * A worker of a job that computes nothing: its gradients are there at once. `node bench/training/exchange-worker.ts`, with the environment of a
 * training pod.
 */
import { performance } from 'node:perf_hooks';
import { Registry } from 'prom-client';
import { createLog } from '../../lib/log.ts';
import { storageOf } from '../../runtime/config.ts';
import { readTrainingConfig } from '../../runtime/training/config.ts';
import { readJobFile } from '../../runtime/training/job-file.ts';
import { lookupIn } from '../../runtime/training/process-hosts.ts';
import { usualTiming } from '../../runtime/training/transport/socket-connection.ts';
import type { Contribution } from '../../runtime/training/worker/engine-messages.ts';
import { Engine } from '../../runtime/training/worker/engine.ts';
import { startWorker } from '../../runtime/training/worker/start-worker.ts';
import type { TrainingGraph } from '../../runtime/training/training-graph.ts';

class NoEngine extends Engine {
  #gradient: Contribution | undefined;

  override get threads(): number {
    return 1;
  }

  override load({ layout }: TrainingGraph): Promise<void> {
    const vector = this.allocate(layout.total);
    vector.values.fill(1e-6);
    this.#gradient = { loss: 1, vector };
    return Promise.resolve();
  }

  /** Memory that nobody writes to: it may be on its way to servers several times at once. */
  override gradient(): Promise<Contribution> {
    if (!this.#gradient) throw new Error('a task came before the graph');
    return Promise.resolve(this.#gradient);
  }

  /** Only what is sent counts here. */
  override update(): Promise<void> {
    return Promise.resolve();
  }

  /** Of what a worker has while it is alone. */
  override add(left: Contribution): Promise<Contribution> {
    return Promise.resolve(left);
  }
}

const config = readTrainingConfig(process.env);
const now = (): number => performance.timeOrigin + performance.now();
const worker = await startWorker(
  {
    config,
    job: readJobFile(config.jobFile),
    storageOf: (name, location) => storageOf(process.env, name, location, config.storage),
    transport: {
      tls: undefined,
      lookup: config.hostsFile === undefined ? undefined : lookupIn(config.hostsFile),
      timing: { ...usualTiming, now },
    },
    registry: new Registry(),
    now,
    date: () => new Date(),
    random: Math.random,
    log: createLog('bench-worker', config.logLevel),
    reached: () => undefined,
  },
  new NoEngine(0, 'cpu'),
);
const { exitCode } = await worker.ended;
process.exit(exitCode);
