import { findCondition } from '../../api/conditions.ts';
import type { ModelDeployment, ModelDeploymentStatus } from '../../api/model-deployment.gen.ts';
import type { TrainingJob } from '../../api/training-job.gen.ts';
import type { Finding } from '../checks.ts';
import { warning } from '../pod-checks.ts';
import type { ServingObserved } from './observed.ts';

/** One version of a lineage, with all that is needed to serve it when its TrainingJob is gone. */
export type TrainedVersion = NonNullable<ModelDeploymentStatus['trained']>;

type Trained = NonNullable<NonNullable<ModelDeployment['spec']['model']>['trained']>;

/** The version that a job made; undefined unless it may be served. */
function versionOf({ metadata, spec, status }: TrainingJob): TrainedVersion | undefined {
  const { uri, digest, accepted, completionTime } = status?.output ?? {};
  if (status?.phase !== 'Succeeded' || accepted !== true) return undefined;
  if (uri === undefined || digest === undefined || completionTime === undefined) return undefined;
  const { modelName, storage } = spec.output;
  return {
    name: modelName,
    job: metadata.name,
    uri,
    digest,
    completionTime,
    ...(storage === undefined ? {} : { storage }),
  };
}

/**
 * By when each job first ended, so that one which is applied again brings nothing back. Two may end in the same second; which is newer must
 * not depend on who asks.
 */
function isNewer(a: TrainedVersion, b: TrainedVersion): boolean {
  const [timeA, timeB] = [Date.parse(a.completionTime), Date.parse(b.completionTime)];
  return timeA === timeB ? a.job > b.job : timeA > timeB;
}

const newest = (versions: readonly TrainedVersion[]): TrainedVersion | undefined =>
  versions.reduce<TrainedVersion | undefined>(
    (best, version) => (best === undefined || isNewer(version, best) ? version : best),
    undefined,
  );

/** Its job is still there, and its acceptance was raised since. */
const isRefused = ({ job, digest }: TrainedVersion, jobs: readonly TrainingJob[]): boolean =>
  jobs.some(
    ({ metadata, status }) =>
      metadata.name === job && status?.output?.digest === digest && status.output.accepted === false,
  );

/**
 * The version to serve: the newest accepted one, or that of the digest in the spec. What was served before stays until there is a newer
 * one, also when its job is gone; where it is no longer accepted, another one takes over, if there is any.
 */
export function trainedVersion(
  { name, digest }: Trained,
  { owner, jobs }: Pick<ServingObserved, 'owner' | 'jobs'>,
): TrainedVersion | undefined {
  const fits = (version: TrainedVersion | undefined): version is TrainedVersion =>
    version?.name === name && (digest === undefined || version.digest === digest);
  const candidate = newest(jobs.map(versionOf).filter(fits));
  const served = owner.status?.trained;
  if (!fits(served)) return candidate;
  if (candidate === undefined) return served;
  return isRefused(served, jobs) || isNewer(candidate, served) ? candidate : served;
}

/** The deployment as if its spec named the version itself. */
export function withVersion(owner: ModelDeployment, { uri, digest, storage }: TrainedVersion): ModelDeployment {
  const { model } = owner.spec;
  if (model === undefined) return owner;
  const reached = model.storage ?? storage;
  return {
    ...owner,
    spec: { ...owner.spec, model: { ...model, uri, digest, ...(reached === undefined ? {} : { storage: reached }) } },
  };
}

/** Why there is no version to serve. Jobs come and go, so it is tried again with each. */
export function noVersion({ name, digest }: Trained, jobs: readonly TrainingJob[]): Finding {
  const wanted = digest === undefined ? '' : ` with the digest ${digest}`;
  const refused = jobs.find(({ status }) => status?.output?.accepted === false);
  const verdict = findCondition(refused?.status?.conditions ?? [], 'Accepted')?.message;
  const why =
    refused === undefined
      ? `no TrainingJob of this namespace with spec.output.modelName ${name} has succeeded`
      : `the model of TrainingJob ${refused.metadata.name} is not accepted${verdict === undefined ? '' : `: ${verdict}`}`;
  return warning('NoTrainedVersion', `the lineage ${name} has no accepted version${wanted} yet: ${why}`);
}
