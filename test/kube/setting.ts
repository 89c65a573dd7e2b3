import { LocalCluster } from '../../cli/local/cluster.ts';
import type { KubeClient } from '../../operator/kube/client.ts';
import { KubeError } from '../../operator/kube/errors.ts';
import type { KubeObject, OwnerReference, ResourceKind } from '../../operator/kube/object.ts';
import type { Write } from '../behaviour/platform.ts';
import { RecordingClient } from '../support/recording-client.ts';
import { ManualClock } from './manual-clock.ts';

/** A kind of ours in these tests; the in-memory cluster takes any. */
export const ownerKind: ResourceKind = {
  apiVersion: 'test.modelyard.dev/v1',
  kind: 'Owner',
  plural: 'owners',
  namespaced: true,
};
export const configMapKind: ResourceKind = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  namespaced: true,
};

export const ownerNamed = (name: string, spec: object = {}): KubeObject => ({
  apiVersion: ownerKind.apiVersion,
  kind: ownerKind.kind,
  metadata: { name, namespace: 'n' },
  spec,
});

export const referenceTo = ({ apiVersion, kind, metadata: { name, uid = '' } }: KubeObject): OwnerReference => ({
  apiVersion,
  kind,
  name,
  uid,
  controller: true,
});

export const childOf = (owner: KubeObject, name: string, data: Record<string, string> = { a: '1' }): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'n', labels: { made: 'here' }, ownerReferences: [referenceTo(owner)] },
  data,
});

export const invalid = (): KubeError => new KubeError(422, 'Invalid', 'data: no good');
export const forbidden = (): KubeError => new KubeError(403, 'Forbidden', 'exceeded quota');
export const unreachable = (): KubeError => new KubeError(0, 'Unreachable', 'nobody answers');

/** Told of every write before it reaches the cluster; what it returns is thrown instead. */
export type Fault = (write: Write) => Error | undefined;

/** An API server in memory, a client that can be made to fail, and a record of what got through. */
export function setting() {
  const clock = new ManualClock();
  let uids = 0;
  const cluster = new LocalCluster({ now: () => clock.now(), uid: () => `uid-${++uids}` });
  const recorder = new RecordingClient(cluster.client('modelyard'));
  const { client: inner } = recorder;
  /** Every write waits for `held`. */
  const control: { fault: Fault; held: Promise<void> } = { fault: () => undefined, held: Promise.resolve() };
  const or = async <T>(write: Write, pass: () => Promise<T>): Promise<T> => {
    const error = control.fault(write);
    await control.held;
    if (error !== undefined) throw error;
    return pass();
  };
  const refFor = ({ apiVersion, kind, metadata: { name } }: KubeObject) => ({ apiVersion, kind, name });
  const client: KubeClient = {
    ...inner,
    apply: (object, options) => or({ verb: 'apply', ref: refFor(object) }, () => inner.apply(object, options)),
    create: (object, options) => or({ verb: 'create', ref: refFor(object) }, () => inner.create(object, options)),
    replace: (object, options) => or({ verb: 'replace', ref: refFor(object) }, () => inner.replace(object, options)),
    applyStatus: (object, options) =>
      or({ verb: 'applyStatus', ref: refFor(object) }, () => inner.applyStatus(object, options)),
    remove: (ref, options) => or({ verb: 'remove', ref }, () => inner.remove(ref, options)),
  };
  /** `VERB KIND/NAME` of every write since the last call. */
  const writes = (): string[] => recorder.take().map(({ verb, ref }) => `${verb} ${ref.kind}/${ref.name}`);
  return { clock, cluster, client, control, user: cluster.client('user'), writes };
}
