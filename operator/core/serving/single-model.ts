import type { ServingReport } from '../../../runtime/contract.ts';
import type { ModelDeploymentSpec, ModelDeploymentStatus } from '../../api/model-deployment.gen.ts';
import type { Finding } from '../checks.ts';
import type { Judgement, ModelAccount } from './model-account.ts';
import { podsOf, type ServingObserved } from './observed.ts';

type Model = NonNullable<ModelDeploymentSpec['model']>;

/** The reports of pods of one revision, in the order of their pods' names. */
function reportsOf(observed: ServingObserved, revision: string): ServingReport[] {
  return podsOf(observed, revision).flatMap(({ metadata }) => {
    const report = observed.reports.get(metadata.name);
    return report?.kind === 'Serving' ? [report] : [];
  });
}

/**
 * The content that every pod of this revision must load: what the spec says, else what was pinned before, else what
 * the first pod reports. Another URI, digest or pod shape is another revision, and pins anew.
 */
function pinnedDigest(observed: ServingObserved, spec: Model, revision: string): string | undefined {
  const { status } = observed.owner;
  if (spec.digest !== undefined) return spec.digest;
  if (status?.revision === revision && status.model?.uri === spec.uri && status.model?.digest !== undefined) {
    return status.model.digest;
  }
  const loaded = reportsOf(observed, revision).find(
    ({ model }) => model.uri === spec.uri && model.phase === 'Ready' && model.digest !== undefined,
  );
  return loaded?.model.digest;
}

/** A pod that loaded other content before the pin reached it, where the content behind the URI changed in between. */
function strayFinding(reports: readonly ServingReport[], digest: string | undefined): Finding | undefined {
  if (digest === undefined) return undefined;
  const stray = reports.find(
    ({ model }) => model.phase === 'Ready' && model.digest !== undefined && model.digest !== digest,
  );
  if (stray === undefined) return undefined;
  const message = `pod ${stray.podName} serves ${stray.model.digest ?? ''}, but ${digest} is pinned; delete the pod to load it again`;
  return { type: 'Warning', reason: 'DigestMismatch', message };
}

function modelResolved(
  observed: ServingObserved,
  uri: string | undefined,
  digest: string | undefined,
  revision: string,
  finding: Finding | undefined,
): Judgement {
  const type = 'ModelResolved';
  if (finding !== undefined) return { type, status: 'False', reason: finding.reason, message: finding.message };
  const reports = reportsOf(observed, revision);
  const faulty = reports.find(({ model }) => model.fault !== undefined);
  const loaded = reports.some(
    ({ model }) => model.digest !== undefined && model.digest === digest && model.fault === undefined,
  );
  const wasLoaded = observed.owner.status?.model?.inputs !== undefined && observed.owner.status.revision === revision;
  if (faulty?.model.fault !== undefined && !loaded && !wasLoaded) {
    const { reason, message } = faulty.model.fault;
    return { type, status: 'False', reason, message };
  }
  if (digest !== undefined && (loaded || wasLoaded)) {
    return { type, status: 'True', reason: 'Pinned', message: `${uri ?? ''} is ${digest}` };
  }
  return { type, status: 'Unknown', reason: 'Resolving', message: `no pod has read ${uri ?? 'the model'} yet` };
}

function signatures(
  observed: ServingObserved,
  revision: string,
): Pick<NonNullable<ModelDeploymentStatus['model']>, 'inputs' | 'outputs'> {
  const known = reportsOf(observed, revision).find(
    ({ model }) => model.inputs !== undefined && model.outputs !== undefined,
  );
  const before = observed.owner.status?.revision === revision ? observed.owner.status.model : undefined;
  const inputs = known?.model.inputs ?? before?.inputs;
  const outputs = known?.model.outputs ?? before?.outputs;
  return { ...(inputs === undefined ? {} : { inputs }), ...(outputs === undefined ? {} : { outputs }) };
}

/** What is to be said of the only model of a deployment. */
export function singleModel(
  observed: ServingObserved,
  spec: Model,
  revision: string,
  specFinding: Finding | undefined,
): ModelAccount {
  const { uri } = spec;
  const digest = specFinding === undefined ? pinnedDigest(observed, spec, revision) : undefined;
  const finding = strayFinding(reportsOf(observed, revision), digest);
  const model =
    uri === undefined
      ? {}
      : {
          modelSummary: uri,
          model: { uri, ...(digest === undefined ? {} : { digest }), ...signatures(observed, revision) },
        };
  return {
    pins: uri === undefined || digest === undefined ? {} : { [uri]: digest },
    ...(finding === undefined ? {} : { finding }),
    resolved: modelResolved(observed, uri, digest, revision, specFinding),
    status: model,
    events: [],
  };
}
