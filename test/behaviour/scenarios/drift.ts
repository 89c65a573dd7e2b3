import { expect } from '@jest/globals';
import { servingKinds } from '../../../operator/controllers/kinds.ts';
import type { KubeObject, ObjectRef } from '../../../operator/kube/object.ts';
import type { Platform } from '../platform.ts';
import { eventually, modelDeployment, type Scenario, untilReady } from '../steps.ts';
import { startedJob, untilJob } from '../training-steps.ts';

const managedBy = 'app.kubernetes.io/managed-by';

/** A field that somebody changes by hand. */
type Tamper = (object: KubeObject) => KubeObject;

/** What owns objects, and how each kind of them is tampered with; null: its fields cannot be changed. */
interface Owner {
  what: string;
  tampering: Record<string, Tamper | null>;
  /** Makes one, and waits until it is settled. @returns its namespace */
  start(platform: Platform): Promise<string>;
  /** Waits until it is settled again. */
  untilSettled(platform: Platform, namespace: string): Promise<unknown>;
}

const changed = (object: KubeObject, fields: object): KubeObject => ({
  ...object,
  spec: { ...(object.spec as object), ...fields },
});
const common: Record<string, Tamper> = {
  ServiceAccount: (object) => ({ ...object, automountServiceAccountToken: true }),
  NetworkPolicy: (object) => changed(object, { ingress: [{}] }),
  Service: (object) => changed(object, { selector: { nobody: 'here' } }),
};

const modelDeployments: Owner = {
  what: 'ModelDeployment',
  tampering: {
    ...common,
    ConfigMap: (object) => ({ ...object, data: { 'digests.json': 'tampered' } }),
    Deployment: (object) => changed(object, { replicas: 7 }),
    PodDisruptionBudget: (object) => changed(object, { maxUnavailable: 2 }),
  },
  start: async (platform) => {
    const namespace = await platform.namespace();
    await platform.user.apply(modelDeployment(namespace, 'digits', { replicas: 2 }));
    await untilReady(platform, namespace);
    return namespace;
  },
  untilSettled: untilReady,
};

const trainingJobs: Owner = {
  what: 'TrainingJob',
  tampering: { ...common, ConfigMap: null },
  start: (platform) => startedJob(platform),
  untilSettled: (platform, namespace) => untilJob(platform, namespace, { phase: 'Running', workers: { ready: 2 } }),
};

/** Writes over whatever is there now, as a person with an editor does. */
async function edit(platform: Platform, ref: ObjectRef, change: (object: KubeObject) => KubeObject): Promise<void> {
  await eventually(async () => platform.user.replace(change(await platform.user.get(ref))));
}

/** What the operator decides of an object: not its versions, and nothing that others fill in. */
const intent = ({ spec, data, automountServiceAccountToken, metadata }: KubeObject): unknown => ({
  spec,
  data,
  automountServiceAccountToken,
  labels: metadata.labels,
  owners: metadata.ownerReferences,
});

async function healsOn(
  platform: Platform,
  owner: Owner,
  kind: string,
  drift: (platform: Platform, ref: ObjectRef) => Promise<unknown>,
): Promise<void> {
  const namespace = await owner.start(platform);
  const { apiVersion = '' } = servingKinds.find((each) => each.kind === kind) ?? {};
  const [object] = (await platform.objects(apiVersion, kind, namespace)).filter(
    ({ metadata }) => metadata.labels?.[managedBy] === 'modelyard',
  );
  if (object === undefined) throw new Error(`no ${kind}`);
  const ref = { apiVersion, kind, namespace, name: object.metadata.name };
  await drift(platform, ref);
  await eventually(async () => {
    const healed = intent(await platform.user.get(ref)) as { owners?: { uid: string }[]; spec?: object };
    expect(withoutAddress(healed)).toEqual(withoutAddress(intent(object)));
  });
  await owner.untilSettled(platform, namespace);
}

/** A Service that was made anew may have another address. */
function withoutAddress(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (key: string, child: unknown) =>
    key === 'clusterIP' || key === 'clusterIPs' ? undefined : child,
  );
}

const withoutManager = (object: KubeObject): KubeObject => {
  const labels = Object.fromEntries(
    Object.entries(object.metadata.labels ?? {}).filter(([label]) => label !== managedBy),
  );
  return { ...object, metadata: { ...object.metadata, labels } };
};

const driftOf = (owner: Owner, kind: string, tamper: Tamper | null): Scenario[] => [
  ...(tamper === null
    ? []
    : [
        {
          name: `a field of a ${owner.what}'s ${kind} that was changed by hand is put back`,
          run: (platform: Platform) => healsOn(platform, owner, kind, (on, ref) => edit(on, ref, tamper)),
        },
      ]),
  {
    name: `a ${owner.what}'s ${kind} that was deleted by hand comes back`,
    run: (platform) => healsOn(platform, owner, kind, (on, ref) => on.user.remove(ref)),
  },
  {
    name: `a label that was stripped from a ${owner.what}'s ${kind} comes back`,
    run: (platform) => healsOn(platform, owner, kind, (on, ref) => edit(on, ref, withoutManager)),
  },
];

export const drift: Scenario[] = [modelDeployments, trainingJobs].flatMap((owner) =>
  Object.entries(owner.tampering).flatMap(([kind, tamper]) => driftOf(owner, kind, tamper)),
);
