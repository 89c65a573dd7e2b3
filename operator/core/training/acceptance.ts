import type { TrainingJobSpec, TrainingJobStatus } from '../../api/training-job.gen.ts';
import { figure } from './figures.ts';

export interface Acceptance {
  accepted: boolean;
  /** CamelCase. */
  reason: string;
  message: string;
}

type Output = NonNullable<TrainingJobStatus['output']>;

/** Whether a trained model may be served. It is asked anew whenever the spec changes, also of a job that is long over. */
export function acceptanceOf(criterion: TrainingJobSpec['acceptance'], testMetrics: Output['testMetrics']): Acceptance {
  if (criterion === undefined) {
    return {
      accepted: true,
      reason: 'NoCriterion',
      message: 'spec.acceptance asks for nothing; the model may be served',
    };
  }
  const { metric, atLeast, atMost } = criterion;
  const value = Number(testMetrics?.[metric]);
  if (testMetrics?.[metric] === undefined || Number.isNaN(value)) {
    return {
      accepted: false,
      reason: 'NotMeasured',
      message: `${metric} was not measured on the test split, so the model is never served; train again with it in spec.train.metrics`,
    };
  }
  const is = `${metric} is ${figure(value)} on the test split`;
  if (atLeast !== undefined && value < atLeast) {
    const message = `${is}, below spec.acceptance.atLeast ${atLeast}; the model is kept, and never served`;
    return { accepted: false, reason: 'BelowCriterion', message };
  }
  if (atMost !== undefined && value > atMost) {
    const message = `${is}, above spec.acceptance.atMost ${atMost}; the model is kept, and never served`;
    return { accepted: false, reason: 'AboveCriterion', message };
  }
  return { accepted: true, reason: 'CriterionMet', message: `${is}, as spec.acceptance asks; the model may be served` };
}

/** What the model is judged by: the metric of acceptance, else the first that the spec names, else the loss. */
export function scoreOf(
  { acceptance, train }: TrainingJobSpec,
  testMetrics: Readonly<Record<string, number>>,
): string | undefined {
  const value = testMetrics[acceptance?.metric ?? train?.metrics[0] ?? 'loss'];
  return value === undefined ? undefined : figure(value);
}
