import { setTimeout as delay } from 'node:timers/promises';
import type { HttpClient } from '../../operator/kube/http-client.ts';
import type { KubeObject } from '../../operator/kube/object.ts';
import type { PodPlayer } from '../cluster/pod-player.ts';
import type { PodScript } from '../support/pod-script.ts';
import type { ClusterTrace } from './cluster-trace.ts';

/** What a person does, one thing after the other, each once the one before has come true. */
export interface Act {
  client: HttpClient;
  trace: ClusterTrace;
  script: PodScript;
  player: PodPlayer;
  namespace: string;
  /** For one step. */
  patienceMs: number;
}

class StuckError extends Error {
  readonly code = 'Stuck';
}

export async function until(act: Act, what: string, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + act.patienceMs;
  while (!holds()) {
    if (performance.now() > deadline) throw new StuckError(`not within ${act.patienceMs} ms: ${what}`);
    await delay(50);
  }
}

/** What an object of this name owns, and itself. */
export const owned = (act: Act, name: string): KubeObject[] =>
  act.trace
    .objects(act.namespace)
    .filter(({ metadata }) => metadata.name === name || metadata.name.startsWith(`${name}-`));
