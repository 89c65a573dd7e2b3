import * as v from 'valibot';
import type { Evaluation } from './history.ts';

const whole = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/** What the coordinator knows beside the losses, and what a restarted one goes on from. */
export const stateSchema = v.object({
  dataDigest: v.string(),
  programDigest: v.string(),
  /** Of each epoch that is over, in order. */
  evaluations: v.array(
    v.object({ version: whole, trainingLoss: v.number(), metrics: v.record(v.string(), v.number()) }),
  ),
  /** Where the weights of the best epoch lie. */
  best: v.nullable(v.object({ version: whole, folder: v.string() })),
  recomputedSteps: whole,
});

export type CoordinatorState = v.InferOutput<typeof stateSchema>;

/** What of it was known when so many steps were done. */
export function stateAt(state: CoordinatorState, version: number): CoordinatorState {
  const evaluations = state.evaluations.filter((evaluation) => evaluation.version <= version);
  const best = state.best && state.best.version <= version ? state.best : null;
  return { ...state, evaluations, best };
}

/** The first of the lowest loss on the validation split; the last one where there is no such split. */
export function bestOf(evaluations: readonly Evaluation[]): Evaluation | undefined {
  return evaluations.reduce<Evaluation | undefined>((best, evaluation) => {
    const [lowest, loss] = [best?.metrics.loss, evaluation.metrics.loss];
    return lowest !== undefined && loss !== undefined && lowest <= loss ? best : evaluation;
  }, undefined);
}

/** Whether so many epochs in a row brought nothing better. */
export function isExhausted(evaluations: readonly Evaluation[], patience: number | undefined): boolean {
  const best = bestOf(evaluations);
  if (patience === undefined || !best) return false;
  return evaluations.length - 1 - evaluations.indexOf(best) >= patience;
}
