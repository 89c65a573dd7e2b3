import { isAbsolute, join, relative } from 'node:path';
import type { TrainingJob } from '../../operator/api/training-job.gen.ts';
import { figure } from './progress.ts';
import type { CurvePoint } from './loss-curve.ts';

export const isOver = ({ status }: TrainingJob): boolean => status?.phase === 'Succeeded' || status?.phase === 'Failed';

/** Over, and with a model that may be served. */
export const isGood = ({ status }: TrainingJob): boolean =>
  status?.phase === 'Succeeded' && status.output?.accepted !== false;

/** Conditions that say what a job is at, the more telling first. */
const telling = ['Failed', 'Complete', 'Stalled', 'Suspended', 'Degraded', 'Running'];

/** In one line, where a job stands; undefined before the operator has looked at it. */
export function standing({ status }: TrainingJob): string | undefined {
  if (status?.phase === undefined) return undefined;
  const conditions = status.conditions ?? [];
  const holds = telling.flatMap(
    (type) => conditions.find((each) => each.type === type && each.status === 'True') ?? [],
  );
  const [condition] = [...holds, ...conditions.filter(({ type }) => type === 'Running')];
  return condition === undefined ? status.phase : `${status.phase}: ${condition.message}`;
}

/** Where on this machine that lies which a URI names; other URIs stay as they are. */
export function laptopPath(uri: string, volumes: string): string {
  const [, scheme, rest = ''] = /^(pvc|file):\/\/(.*)$/.exec(uri) ?? [];
  if (scheme === undefined) return uri;
  return scheme === 'pvc' ? join(volumes, decodeURIComponent(rest)) : decodeURIComponent(rest);
}

/** A path from the working directory where it lies in that; anything else as it is. */
export function shownPath(path: string): string {
  const short = isAbsolute(path) ? relative('', path) : path;
  return short.startsWith('..') ? path : short;
}

/** The loss curve that the status holds: few points, and perhaps not the last ones. */
export const curveOf = ({ status }: TrainingJob): CurvePoint[] =>
  (status?.history ?? []).map(({ step, loss, validationLoss }) => ({
    step,
    loss: Number(loss),
    ...(validationLoss === undefined ? {} : { validationLoss: Number(validationLoss) }),
  }));

/** Where on this machine the model of a job lies; undefined where it has none, or keeps it elsewhere. */
export function modelFolder({ status }: TrainingJob, volumes: string): string | undefined {
  const path = laptopPath(status?.output?.uri ?? '', volumes);
  return isAbsolute(path) ? path : undefined;
}

/** What came of a job: its figures on the test split, whether it is accepted, and where the model lies. */
export function outcomeLines({ spec, status }: TrainingJob, volumes: string): string[] {
  const { output, conditions = [] } = status ?? {};
  const figures = Object.entries(output?.testMetrics ?? {}).map(([name, value]) => `${name} ${figure(Number(value))}`);
  const verdict = spec.acceptance && conditions.find(({ type }) => type === 'Accepted');
  return [
    ...(figures.length === 0 ? [] : [`on the test split: ${figures.join(', ')}`]),
    ...(verdict === undefined ? [] : [`${verdict.status === 'True' ? 'accepted' : 'refused'}: ${verdict.message}`]),
    ...(output?.uri === undefined ? [] : [`model: ${shownPath(laptopPath(output.uri, volumes))}`]),
  ];
}
