import { Registry } from 'prom-client';
import { afterEach } from '@jest/globals';
import { createLog } from '../../lib/log.ts';
import type { Plan, PlannedEvent } from '../../operator/core/plan.ts';
import { Caches } from '../../operator/kube/caches.ts';
import { Controller } from '../../operator/kube/controller.ts';
import type { Definition, Refusal, Source } from '../../operator/kube/definition.ts';
import { controllerMetrics } from '../../operator/kube/metrics.ts';
import { keyOf, type KubeObject, type ResourceKind } from '../../operator/kube/object.ts';
import { childOf, configMapKind, ownerKind, setting, type Fault } from './setting.ts';

interface Observed {
  owner: KubeObject;
  children: readonly KubeObject[];
  refusals: readonly Refusal[];
}
interface Status {
  phase: string;
}

const secretKind: ResourceKind = { apiVersion: 'v1', kind: 'Secret', plural: 'secrets', namespaced: true };

/** Of the owner `x`. */
export const child = { ...configMapKind, name: 'x-child', namespace: 'n' };
export const owner = { ...ownerKind, name: 'x', namespace: 'n' };

/** One ConfigMap for each owner, and the reason of a refusal as its phase. */
export function planFor({ owner: observed, refusals }: Observed): Plan<Status> {
  const phase = refusals[0]?.reason ?? 'Made';
  const data = { size: String((observed.spec as { size?: number }).size ?? 0) };
  const event: PlannedEvent = { type: 'Normal', reason: phase, action: 'Reconcile', note: phase };
  return {
    apply: [childOf(observed, `${observed.metadata.name}-child`, data)],
    remove: [],
    status: { phase },
    events: [event],
  };
}

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

interface Options {
  workers?: number;
  sources?: Source[];
  render?: (observed: Observed) => Plan<Status>;
  fault?: Fault;
  /** What the cluster holds before the controller starts. */
  before?: KubeObject[];
  /** How long events of children wait for others. */
  settleMs?: number;
  /** Secrets are watched too: one is about the owners whose names it is labelled with. */
  secrets?: boolean;
}

/** A controller that runs over a cluster in memory until the test ends. */
export async function controlling(options: Options = {}) {
  const { workers = 4, sources = [], render = planFor, fault, before = [], settleMs, secrets = false } = options;
  const parts = setting();
  const { client, clock, cluster, control } = parts;
  for (const object of before) cluster.add(object);
  if (fault !== undefined) control.fault = fault;
  const looks: string[] = [];
  const published: string[] = [];
  const lines: { msg: string; err?: { stack: string } }[] = [];
  const log = createLog('test', 'error', { write: (line) => void lines.push(JSON.parse(line) as { msg: string }) });
  const definition: Definition<Observed, Status> = {
    name: 'owners',
    kind: ownerKind,
    owns: [{ kind: configMapKind, labelSelector: 'made=here', ...(settleMs === undefined ? {} : { settleMs }) }],
    watches: secrets
      ? [
          {
            kind: secretKind,
            keysOf: ({ metadata }, stores) =>
              stores(ownerKind)
                .list(metadata.namespace)
                .filter((one) => metadata.labels?.about === one.metadata.name)
                .map(keyOf),
          },
        ]
      : [],
    sources,
    observe: (key, stores, refusals) => {
      const found = stores(ownerKind).get(key);
      if (found === undefined) return undefined;
      return { owner: found, refusals, children: stores(configMapKind).ownedBy(found) };
    },
    render: (observed) => {
      looks.push(observed.owner.metadata.name);
      return render(observed);
    },
    ownerOf: (observed) => observed.owner,
    childrenOf: ({ children }) => children,
  };
  const registry = new Registry();
  const caches = new Caches({ client, namespaces: [], clock, log });
  const controller = new Controller<Observed, Status>(definition, {
    client,
    clock,
    log,
    workers,
    storeOf: caches.join(definition, (kind, change) => controller.changed(kind, change)),
    publish: (_owner, { reason }) => published.push(reason),
    metrics: controllerMetrics(registry),
  });
  const stop = new AbortController();
  const reflecting = caches.run(stop.signal);
  await caches.synced();
  const running = controller.run(stop.signal, new AbortController().signal);
  stops.push(async () => {
    stop.abort();
    await Promise.all([reflecting, running]);
  });
  const metric = async (name: string): Promise<number> =>
    (await registry.getSingleMetric(name)?.get())?.values.reduce((sum, { value }) => sum + value, 0) ?? 0;
  return { ...parts, controller, lines, looks, metric, published, running, stop };
}
