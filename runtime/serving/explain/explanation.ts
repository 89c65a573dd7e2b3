import type { Predict } from '../../explain/model.ts';
import type { ExplainRequest, Explanation } from '../../explain/request.ts';
import { invalid, RequestError } from '../../errors.ts';
import { limits } from '../limits.ts';
import { priorities, type Timeline } from '../scheduler.ts';
import type { ServedModel } from '../served-model.ts';
import { stringTensor } from '../tasks/text-requests.ts';
import { floatsOf, textsOf, type Tensor } from '../tensor.ts';
import {
  explainableOf,
  numbersIn,
  pixelTensor,
  rowsIn,
  rowTensors,
  transposed,
  type Explainable,
} from './explainable.ts';
import { Explainer } from './explainer.ts';
import type { ExplainParameters } from './parameters.ts';

/** What a client asks to have explained. */
export interface ExplanationRequest {
  /** Instances, as for inference. */
  inputs: Tensor[];
  /** Rows like those that the model was trained on; of rows of numbers alone. */
  background: Tensor[];
  parameters: ExplainParameters;
}

export interface ModelExplanation extends Explanation {
  /** The names of the model's outputs, where they have any. */
  labels: readonly string[] | undefined;
}

export interface ExplainWaiting {
  /** The client's patience; `limits.explanationMs` at most. */
  timeoutMs: number | undefined;
  signal: AbortSignal;
}

/** One thread for all models: explanations take turns on it. */
const explainer = new Explainer();

/**
 * Explains what a served model predicts. Its runs wait until nobody else waits for the model, and take about as long as a run of an
 * ordinary request. Rejects with RequestError.
 */
export async function explainModel(
  model: ServedModel,
  { inputs, background, parameters }: ExplanationRequest,
  { timeoutMs, signal }: ExplainWaiting,
): Promise<ModelExplanation> {
  const going = model.uses.count;
  if (going >= limits.explanations)
    throw new RequestError('QueueFull', `${going} explanations of this model go on; ask again later`, 10);
  const late = AbortSignal.timeout(Math.ceil(Math.min(timeoutMs ?? Infinity, limits.explanationMs)));
  const over = AbortSignal.any([signal, late]);
  try {
    const explainable = explainableOf(model, inputs);
    const predictor = new Predictor(model, inputs[0]?.name ?? '', explainable, parameters.output);
    const request = requestOf(explainable, inputs, background, parameters);
    const explanation = await model.uses.during(() =>
      request.kind === 'text'
        ? explainer.explain(request, predictor.texts, over)
        : explainer.explain(request, predictor.numbers, over),
    );
    return { ...explanation, labels: predictor.labels };
  } catch (error) {
    if (signal.aborted) throw new RequestError('Cancelled', 'the client went away');
    if (late.aborted)
      throw new RequestError('DeadlineExceeded', 'the explanation took longer than it may; ask for fewer samples');
    throw error;
  }
}

function requestOf(
  explainable: Explainable,
  inputs: readonly Tensor[],
  background: readonly Tensor[],
  parameters: ExplainParameters,
): ExplainRequest {
  const [input] = inputs;
  if (!input) throw invalid('inputs: must hold the instances to explain');
  if (explainable.kind !== 'tabular' && background.length > 0)
    throw invalid('background: is for rows of numbers alone; leave it out');
  const instances = input.shape[0] ?? 0;
  if (instances > limits.explainedInstances)
    throw invalid(`inputs: has ${instances} instances; at most ${limits.explainedInstances} are explained at a time`);
  const { asked, white, categorical } = parameters;
  if (explainable.kind === 'text') {
    if (input.data.byteLength > limits.explainedTextBytes)
      throw invalid(
        `inputs: the texts have more than the ${limits.explainedTextBytes} bytes that are explained at a time`,
      );
    return { ...asked, kind: 'text', texts: textsOf(input) };
  }
  if (explainable.kind === 'image') {
    const { height, width, channels, channelsFirst } = explainable;
    const given = floatsOf(input);
    const pixels = channelsFirst ? transposed(given, instances, channels, height * width) : given;
    return { ...asked, kind: 'image', pixels, height, width, channels, ...(white !== undefined && { white }) };
  }
  const numbers = (background[0]?.shape[0] ?? 0) * explainable.features;
  if (numbers > limits.backgroundNumbers || numbers * instances > limits.comparedNumbers) {
    throw invalid(
      `background: ${numbers} numbers for ${instances} instances are too many; give fewer rows or explain fewer instances at a time`,
    );
  }
  return {
    ...asked,
    kind: 'tabular',
    features: explainable.features,
    rows: rowsIn(inputs, explainable, 'inputs'),
    background: rowsIn(background, explainable, 'background'),
    ...(categorical && { categorical }),
  };
}

/** The first run has so many rows; later ones what takes about `targetMs`. */
const firstRows = 32;
const targetMs = 2;

/** The model as the arithmetic of explanations calls it. */
class Predictor {
  readonly #model: ServedModel;
  readonly #input: string;
  readonly #shape: Explainable;
  readonly #output: string | undefined;
  #rows = firstRows;
  labels: readonly string[] | undefined;

  constructor(model: ServedModel, input: string, shape: Explainable, output: string | undefined) {
    this.#model = model;
    this.#input = input;
    this.#shape = shape;
    this.#output = output;
  }

  readonly texts: Predict<readonly string[]> = (batch, count, signal) =>
    this.#inPieces(count, signal, (from, to) => [stringTensor(this.#input, batch.slice(from, to))]);

  readonly numbers: Predict<Float32Array> = (batch, count, signal) => {
    const width = batch.length / count;
    return this.#inPieces(count, signal, (from, to) =>
      this.#tensors(batch.subarray(from * width, to * width), to - from),
    );
  };

  #tensors(values: Float32Array, count: number): Tensor[] {
    const shape = this.#shape;
    if (shape.kind === 'tabular') return rowTensors(values, count, shape, this.#input);
    if (shape.kind === 'image') return [pixelTensor(values, count, shape, this.#input)];
    throw new Error('texts are no numbers');
  }

  async #inPieces(
    count: number,
    signal: AbortSignal | undefined,
    piece: (from: number, to: number) => Tensor[],
  ): Promise<Float64Array> {
    let all: Float64Array | undefined;
    for (let from = 0; from < count;) {
      // Rows that may depend on each other run one by one.
      const to = Math.min(count, from + (this.#model.isBatchable ? this.#rows : 1));
      const { values, ms } = await this.#run(piece(from, to), to - from, signal);
      all ??= new Float64Array((values.length / (to - from)) * count);
      all.set(values, (all.length / count) * from);
      // So that whoever comes meanwhile waits no longer than for another request.
      this.#rows = Math.max(1, Math.min(4_096, Math.round((to - from) * Math.min(2, Math.max(0.5, targetMs / ms)))));
      from = to;
    }
    return all ?? new Float64Array();
  }

  async #run(
    inputs: Tensor[],
    rows: number,
    signal: AbortSignal | undefined,
  ): Promise<{ values: Float32Array | Float64Array; ms: number }> {
    const timeline: Timeline = { queuedAt: undefined, run: undefined };
    const outputs = await this.#model.infer(inputs, undefined, {
      priority: priorities.background,
      isAlone: true,
      timeline,
      ...(signal && { signal }),
    });
    const { values, labels } = numbersIn(outputs, rows, this.#output, this.labels);
    this.labels = labels;
    return { values, ms: Math.max(0.01, timeline.run?.times?.runMs ?? targetMs) };
  }
}
