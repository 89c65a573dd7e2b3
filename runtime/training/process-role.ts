import type { LookupFunction } from 'node:net';
import type { Registry } from 'prom-client';
import type { Log } from '../../lib/log.ts';
import type { StorageConfig } from '../config.ts';
import type { Location, LocationName, TrainingJobFile, TrainingReport } from '../training-contract.ts';
import type { TrainingConfig } from './config.ts';
import type { ProcessEnd } from './process-end.ts';
import type { FaultPoint, Reached } from './server/fault-points.ts';
import type { Timing } from './transport/socket-connection.ts';
import type { TlsIdentity } from './transport/tls-identity.ts';
import type { WorkerFaultPoint } from './worker/fault-points.ts';

/** What a role is given by its process. */
export interface RoleOptions {
  config: TrainingConfig;
  job: TrainingJobFile;
  storageOf: (name: LocationName, location: Location) => StorageConfig;
  transport: Transport;
  registry: Registry;
  /** Milliseconds since the epoch, of a clock that never goes back. */
  now: () => number;
  /** By the clock on the wall. */
  date: () => Date;
  random: () => number;
  log: Log;
  reached: Reached<FaultPoint | WorkerFaultPoint>;
}

/** What all connections between roles have in common. */
interface Transport {
  tls: TlsIdentity | undefined;
  timing: Timing;
  /** Absent: DNS. */
  lookup: LookupFunction | undefined;
}

/** A parameter server or a worker, as its process sees it. */
export interface Role {
  report(): Pick<TrainingReport, 'phase' | 'fault' | 'job' | 'outcome'>;
  /** Undefined: it is. */
  whyNotReady(): string | undefined;
  /** Resolves when there is nothing left to do. Rejects with the error of a bug. */
  ended: Promise<ProcessEnd>;
  /** The pod is told to stop: saves what is worth saving, as far as that takes no longer. */
  stop(graceMs: number): Promise<ProcessEnd>;
  /** Whether ONNX Runtime runs a graph at this moment. */
  isRunning(): boolean;
}
