import { expect } from '@jest/globals';
import { servingKinds } from '../../../operator/controllers/kinds.ts';
import type { KubeObject, ObjectRef } from '../../../operator/kube/object.ts';
import type { Platform } from '../platform.ts';
import { eventually, modelDeployment, type Scenario, untilReady } from '../steps.ts';

const managedBy = 'app.kubernetes.io/managed-by';

/** A field of each kind that somebody changes by hand. */
const tampering: Record<string, (object: KubeObject) => KubeObject> = {
  ServiceAccount: (object) => ({ ...object, automountServiceAccountToken: true }),
  ConfigMap: (object) => ({ ...object, data: { 'digests.json': 'tampered' } }),
  NetworkPolicy: (object) => ({ ...object, spec: { ...(object.spec as object), ingress: [{}] } }),
  Service: (object) => ({ ...object, spec: { ...(object.spec as object), selector: { nobody: 'here' } } }),
  Deployment: (object) => ({ ...object, spec: { ...(object.spec as object), replicas: 7 } }),
  PodDisruptionBudget: (object) => ({ ...object, spec: { ...(object.spec as object), maxUnavailable: 2 } }),
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
  kind: string,
  drift: (platform: Platform, ref: ObjectRef) => Promise<unknown>,
): Promise<void> {
  const namespace = await platform.namespace();
  await platform.user.apply(modelDeployment(namespace, 'digits', { replicas: 2 }));
  await untilReady(platform, namespace);
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
  await untilReady(platform, namespace);
}

/** A Service that was made anew may have another address. */
function withoutAddress(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (key: string, child: unknown) =>
    key === 'clusterIP' || key === 'clusterIPs' ? undefined : child,
  );
}

export const drift: Scenario[] = Object.entries(tampering).flatMap(([kind, tamper]): Scenario[] => [
  {
    name: `a field of the ${kind} that was changed by hand is put back`,
    run: (platform) => healsOn(platform, kind, (on, ref) => edit(on, ref, tamper)),
  },
  {
    name: `a ${kind} that was deleted by hand comes back`,
    run: (platform) => healsOn(platform, kind, (on, ref) => on.user.remove(ref)),
  },
  {
    name: `a label that was stripped from the ${kind} comes back`,
    run: (platform) =>
      healsOn(platform, kind, (on, ref) =>
        edit(on, ref, (object) => {
          const labels = Object.fromEntries(
            Object.entries(object.metadata.labels ?? {}).filter(([label]) => label !== managedBy),
          );
          return { ...object, metadata: { ...object.metadata, labels } };
        }),
      ),
  },
]);
