/** Scores out of a model's numbers for one sample, one for each label. */
export type Scoring = (logits: Float32Array) => Float32Array;

const sigmoid: Scoring = (logits) => logits.map((value) => 1 / (1 + Math.exp(-value)));

/** The shares of one whole. */
export const softmax: Scoring = (logits) => {
  const largest = logits.reduce((most, value) => Math.max(most, value), -Infinity);
  const powers = Float64Array.from(logits, (value) => Math.exp(value - largest));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return Float32Array.from(powers, (power) => power / total);
};

/**
 * As transformers decides it by config.json: `problem_type`, and where that is missing, one label is independent and several
 * share one whole.
 */
export function scoringOf({ problem_type: problem }: Record<string, unknown>): Scoring {
  if (problem === 'regression') return (logits) => logits;
  if (problem === 'multi_label_classification') return sigmoid;
  if (problem === 'single_label_classification') return softmax;
  return (logits) => (logits.length === 1 ? sigmoid : softmax)(logits);
}

/** The softmax, unless the model already ends in one. */
export const probabilities: Scoring = (row) => {
  const sum = row.reduce((total, value) => total + value, 0);
  return row.every((value) => value >= 0) && Math.abs(sum - 1) < 1e-3 ? row : softmax(row);
};
