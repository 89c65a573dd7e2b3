import type { ModelDeploymentStatus } from '../../api/model-deployment.gen.ts';
import { type KubeObject, refOf } from '../../kube/object.ts';
import { type Finding, firstFinding } from '../checks.ts';
import { labels, servingNames } from '../metadata.ts';
import type { Plan, Render } from '../plan.ts';
import { untilSetUpOverdueMs } from '../pod-setup.ts';
import { deployment } from './deployment.ts';
import { disruptionBudget } from './disruption-budget.ts';
import { networkPolicy } from './network-policy.ts';
import type { ServingInputs, ServingObserved } from './observed.ts';
import { modelList } from './model-list.ts';
import type { ModelAccount } from './model-account.ts';
import { pin } from './pin.ts';
import { servingPod } from './pod.ts';
import { service } from './service.ts';
import { serviceAccount } from './service-account.ts';
import { sharedModels } from './shared-models.ts';
import { singleModel } from './single-model.ts';
import { specChecks } from './spec-checks.ts';
import { statusOf } from './status.ts';
import { noVersion, trainedVersion, withVersion } from './trained.ts';

/** How long until what was refused is tried again: a taken name or a full quota gives no sign when it is free. */
const retryRefusedMs = 30_000;

const sameObject = (a: KubeObject, b: KubeObject): boolean => a.kind === b.kind && a.metadata.name === b.metadata.name;

/**
 * What a ModelDeployment wants done, from all that is known.
 *
 * A spec that no pod could serve changes nothing that runs; after a refusal only the status is written.
 */
export const render: Render<ServingObserved, ServingInputs, ModelDeploymentStatus> = (given, inputs) => {
  if (given.owner.metadata.deletionTimestamp !== undefined) return leaving(given);
  const { observed, finding } = resolved(given);
  const { owner, children, refusals } = observed;

  const pod = servingPod(owner, inputs);
  const specFinding = finding ?? firstFinding(specChecks, { spec: owner.spec, inputs });
  const account = accountOf(observed, pod.revision, specFinding);
  const { status, events } = statusOf(observed, inputs, pod.revision, specFinding, account);
  if (specFinding !== undefined) return { apply: [], remove: [], status, events };
  if (refusals.length > 0) return { apply: [], remove: [], status, events, requeueAfterMs: retryRefusedMs };

  const apply = [
    serviceAccount(owner),
    pin(owner, account.pins),
    modelList(owner),
    networkPolicy(owner, inputs.operatorNamespace),
    service(owner),
    deployment(owner, pod.template),
    disruptionBudget(owner),
  ].filter((object) => object !== undefined);
  const unwanted = children.filter(
    (child) =>
      child.metadata.deletionTimestamp === undefined &&
      !apply.some((object) => sameObject(object, child)) &&
      !isStillRead(child, observed, pod.revision),
  );
  const againMs = untilSetUpOverdueMs(observed.pods, inputs.now);
  const again = againMs === Infinity ? {} : { requeueAfterMs: againMs };
  return { apply, remove: unwanted.map(refOf), status, events, ...again };
};

/** Of several models, the list is read by pods of that shape as long as there are any: one that starts again waits for it. */
const isStillRead = ({ kind, metadata }: KubeObject, { owner, pods }: ServingObserved, revision: string): boolean =>
  kind === 'ConfigMap' &&
  metadata.name === servingNames(owner.metadata.name).models &&
  pods.some((pod) => pod.metadata.labels?.[labels.revision] !== revision);

/** The same, with the version of a lineage in place of its name; a finding where there is none. */
function resolved(observed: ServingObserved): { observed: ServingObserved; finding?: Finding } {
  const { owner, jobs } = observed;
  const trained = owner.spec.model?.trained;
  if (trained === undefined) return { observed };
  const version = trainedVersion(trained, observed);
  if (version === undefined) return { observed, finding: noVersion(trained, jobs) };
  return { observed: { ...observed, owner: withVersion(owner, version), trained: version } };
}

function accountOf(observed: ServingObserved, revision: string, specFinding: Finding | undefined): ModelAccount {
  const { model, models } = observed.owner.spec;
  return model !== undefined && models === undefined
    ? singleModel(observed, model, revision, specFinding)
    : sharedModels(observed, models ?? [], revision, specFinding);
}

/** Owner references take everything along; whatever would be written now would only race with that. */
function leaving({ owner }: ServingObserved): Plan<ModelDeploymentStatus> {
  return { apply: [], remove: [], status: owner.status ?? {}, events: [] };
}
