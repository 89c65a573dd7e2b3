import type { HistoryPoint } from '../../training-contract.ts';

/** What was measured after an epoch. */
export interface Evaluation {
  /** Steps done. */
  version: number;
  /** Mean over the rows of the epoch. */
  trainingLoss: number;
  /** On the validation split: `loss` and each metric; nothing where there is no such split. */
  metrics: Record<string, number>;
}

/** Steps over which `recentLoss` is the mean. */
const recentSteps = 20;

/** The whole curve of the training loss: one number for each step. */
export class History {
  #losses = new Float64Array(1_024);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Takes the loss of a step; of a step that was done before, instead of what came then, and forgets all later ones. */
  set(step: number, loss: number): void {
    if (step > this.#length) throw new RangeError(`the loss of step ${step} came before that of step ${this.#length}`);
    if (step === this.#losses.length) {
      const longer = new Float64Array(2 * step);
      longer.set(this.#losses);
      this.#losses = longer;
    }
    this.#losses[step] = loss;
    this.#length = step + 1;
  }

  /** Goes back to where so many steps were done. */
  truncate(steps: number): void {
    this.#length = Math.min(this.#length, steps);
  }

  replace(losses: Float64Array): void {
    this.#losses = Float64Array.from({ length: Math.max(1_024, losses.length) }, (_, step) => losses[step] ?? 0);
    this.#length = losses.length;
  }

  slice(from: number, to: number): Float64Array {
    return this.#losses.slice(Math.min(from, this.#length), Math.min(to, this.#length));
  }

  /** Of steps from `from` to below `to`, each with so much weight. */
  mean(from: number, to: number, weightOf: (step: number) => number = () => 1): number {
    const [sum, weights] = this.slice(from, to).reduce<[number, number]>(
      ([total, weight], loss, index) => [total + loss * weightOf(from + index), weight + weightOf(from + index)],
      [0, 0],
    );
    return sum / weights;
  }

  get recentLoss(): number | undefined {
    return this.#length === 0 ? undefined : this.mean(Math.max(0, this.#length - recentSteps), this.#length);
  }

  /** The curve in at most so many points, at equal distances; each evaluation stands at the point that its step falls into. */
  points(most: number, evaluations: readonly Evaluation[]): HistoryPoint[] {
    const distance = Math.max(1, Math.ceil(this.#length / most));
    const count = Math.ceil(this.#length / distance);
    return Array.from({ length: count }, (_, index) => {
      const from = index * distance;
      const step = Math.min(this.#length, from + distance);
      const measured = evaluations.findLast(({ version }) => version > from && version <= step);
      const validationLoss = measured?.metrics.loss;
      return { step, loss: this.mean(from, step), ...(validationLoss !== undefined && { validationLoss }) };
    });
  }
}
