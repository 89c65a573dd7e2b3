import { checkWhole, maxSamples } from './checks.ts';
import { fitLocalModels } from './local-model.ts';
import type { Evaluator } from './model.ts';
import type { ExplainRequest } from './request.ts';
import type { Explainer } from './subject.ts';

/** As the Python package has them. */
const defaults = {
  tabular: { samples: 5_000, features: 10 },
  text: { samples: 5_000, features: 10 },
  image: { samples: 1_000, features: 100_000 },
};

/** Local linear models of what the model makes of instances about the one in question. */
export function limeExplainer<Batch>(
  { kind, seed, samples: asked, lime = {} }: ExplainRequest,
  evaluator: Evaluator<Batch>,
  signal: AbortSignal | undefined,
): Explainer<Batch> {
  const samples = checkWhole('samples', asked ?? defaults[kind].samples, 2, maxSamples);
  return {
    cost: () => samples,
    explain: async (subject, _, columns) => {
      const { sample, rows, kernelWidth } = await subject.neighbourhood(samples, seed, signal);
      const labels = await evaluator.means(rows, 1, columns);
      const options = {
        kernelWidth: lime.kernelWidth ?? kernelWidth,
        selection: lime.selection ?? 'auto',
        maxFeatures: lime.features ?? defaults[kind].features,
      };
      const models = await fitLocalModels(sample, labels, options, signal);
      const [features, outputs] = [sample.features, models.length];
      const attributions = new Float64Array(features * outputs);
      models.forEach(({ coefficients }, output) => {
        coefficients.forEach((coefficient, feature) => (attributions[feature * outputs + output] = coefficient));
      });
      return {
        attributions,
        base: Float64Array.from(models, ({ intercept }) => intercept),
        local: {
          scores: Float64Array.from(models, ({ score }) => score),
          predictions: Float64Array.from(models, ({ prediction }) => prediction),
        },
      };
    },
  };
}
