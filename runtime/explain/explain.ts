import { checkIndices, checkNumber, checkOneOf, checkWhole, maxOutputs } from './checks.ts';
import { invalid } from '../errors.ts';
import { imageSubjects } from './image.ts';
import { shapExplainer } from './kernel-shap.ts';
import { limeExplainer } from './lime.ts';
import { selections } from './local-model.ts';
import { Evaluator, type Predict } from './model.ts';
import {
  methods,
  type ExplainRequest,
  type Explanation,
  type ImageRequest,
  type TabularRequest,
  type TextRequest,
} from './request.ts';
import type { InstanceExplanation, Subjects } from './subject.ts';
import { tabularSubjects } from './tabular.ts';
import { textSubjects } from './text.ts';

export interface ExplainOptions {
  signal?: AbortSignal;
  /** The most rows of one run of the model; 4,096 unless said. */
  chunkRows?: number;
  /** The most rows that a whole request may run the model on; a million unless said. */
  maxEvaluations?: number;
}

/**
 * Says by how much each feature, word or region of an instance moves what a model predicts.
 *
 * Rows of numbers come to the model as [count, features], images as [count, height, width, channels]. Throws RequestError
 * `InvalidArgument` for a request that cannot be met, before the model is run where that can be known; `ModelFailed` where the model gives no
 * finite numbers; and the signal's reason once it is aborted.
 */
export function explain(
  request: TabularRequest | ImageRequest,
  predict: Predict<Float32Array>,
  options?: ExplainOptions,
): Promise<Explanation>;
export function explain(
  request: TextRequest,
  predict: Predict<readonly string[]>,
  options?: ExplainOptions,
): Promise<Explanation>;
export async function explain(
  request: ExplainRequest,
  predict: Predict<Float32Array> | Predict<readonly string[]>,
  options: ExplainOptions = {},
): Promise<Explanation> {
  checkAsked(request);
  switch (request.kind) {
    case 'tabular':
      return explainAll(request, tabularSubjects(request), predict as Predict<Float32Array>, options);
    case 'text':
      return explainAll(request, textSubjects(request), predict as Predict<readonly string[]>, options);
    case 'image':
      return explainAll(
        request,
        await imageSubjects(request, options.signal),
        predict as Predict<Float32Array>,
        options,
      );
    default:
      throw invalid('kind: must be one of tabular, text, image');
  }
}

function checkAsked({ method, seed, topOutputs, outputs, lime = {} }: ExplainRequest): void {
  checkOneOf('method', method, methods);
  checkWhole('seed', seed, 0, Number.MAX_SAFE_INTEGER);
  if (topOutputs !== undefined) checkWhole('topOutputs', topOutputs, 1, maxOutputs);
  if (topOutputs !== undefined && outputs) throw invalid('topOutputs: excludes outputs; give one of them');
  if (outputs?.length === 0) throw invalid('outputs: is empty; leave it out to explain all outputs');
  if (lime.features !== undefined) checkWhole('lime.features', lime.features, 1, Number.MAX_SAFE_INTEGER);
  if (lime.selection !== undefined) checkOneOf('lime.selection', lime.selection, selections);
  if (lime.kernelWidth !== undefined) checkNumber('lime.kernelWidth', lime.kernelWidth, 1e-6, 1e6);
}

async function explainAll<Batch, About extends object>(
  request: ExplainRequest,
  subjects: Subjects<Batch, About>,
  predict: Predict<Batch>,
  { signal, chunkRows = 4_096, maxEvaluations = 1_000_000 }: ExplainOptions,
): Promise<Explanation> {
  const evaluator = new Evaluator(predict, { chunkRows, signal });
  const explainer =
    request.method === 'lime' ? limeExplainer(request, evaluator, signal) : shapExplainer(request, evaluator, signal);
  const planned = subjects.all.reduce((sum, subject) => sum + explainer.cost(subject), subjects.all.length);
  if (planned > maxEvaluations) {
    throw invalid(
      `samples: the request takes ${planned} rows of the model, of which it may take ${maxEvaluations}; ask for fewer samples or instances${
        request.method === 'lime' ? '' : ', or give a smaller background'
      }`,
    );
  }
  const predictions = await evaluator.means(subjects.instances, 1);
  const width = predictions.length / subjects.all.length;
  const explained: Explained[] = [];
  for (const [row, subject] of subjects.all.entries()) {
    const prediction = predictions.subarray(row * width, (row + 1) * width);
    const columns = columnsOf(request, prediction);
    const ofColumns = Float64Array.from(columns, (column) => prediction[column] ?? 0);
    explained.push({ columns, prediction: ofColumns, ...(await explainer.explain(subject, ofColumns, columns)) });
  }
  return { ...answer(request, explained), evaluations: evaluator.evaluations, ...subjects.about };
}

/** Which outputs of the model are explained. */
function columnsOf({ outputs, topOutputs }: ExplainRequest, prediction: Float64Array): readonly number[] {
  const all = Array.from(prediction.keys());
  const value = (output: number): number => prediction[output] ?? 0;
  if (topOutputs !== undefined) return all.sort((a, b) => value(b) - value(a)).slice(0, topOutputs);
  const chosen = outputs ? checkIndices('outputs', outputs, prediction.length) : all;
  if (chosen.length > maxOutputs) {
    throw invalid(`outputs: ${chosen.length} are too many; name at most ${maxOutputs}, or set topOutputs`);
  }
  return chosen;
}

interface Explained extends InstanceExplanation {
  columns: readonly number[];
  prediction: Float64Array;
}

function answer({ method, seed }: ExplainRequest, explained: readonly Explained[]): Omit<Explanation, 'evaluations'> {
  const outputs = explained[0]?.columns.length ?? 0;
  const features = Math.max(...explained.map(({ attributions }) => attributions.length / outputs));
  const attributions = new Float64Array(explained.length * features * outputs);
  for (const [row, one] of explained.entries()) attributions.set(one.attributions, row * features * outputs);
  const joined = (of: (one: Explained) => Iterable<number>): Float64Array =>
    Float64Array.from(explained.flatMap((one) => [...of(one)]));
  const scores = joined(({ local }) => local?.scores ?? []);
  return {
    method,
    seed,
    rows: explained.length,
    features,
    outputs,
    attributions,
    baseValues: joined(({ base }) => base),
    predictions: joined(({ prediction }) => prediction),
    outputIndices: Int32Array.from(explained.flatMap(({ columns }) => columns)),
    additivityError: joined(additivityErrors),
    ...(scores.length > 0 && { local: { scores, predictions: joined(({ local }) => local?.predictions ?? []) } }),
  };
}

function additivityErrors({ attributions, base, prediction, local }: Explained): Float64Array {
  return prediction.map((value, output) => {
    const start = base[output] ?? 0;
    let sum = start;
    for (let at = output; at < attributions.length; at += base.length) sum += attributions[at] ?? 0;
    const difference = Math.abs((local?.predictions[output] ?? sum) - value);
    return difference === 0 ? 0 : difference / Math.max(Math.abs(start), Math.abs(value));
  });
}
