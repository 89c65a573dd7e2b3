import * as ort from 'onnxruntime-node';
import { decodeModel } from '../../../../runtime/onnx/model.ts';
import { readFloats } from '../../../../runtime/onnx/tensors.ts';
import {
  buildTrainingGraph,
  type TrainingOptions,
} from '../../../../runtime/training/autodiff/build-training-graph.ts';
import { withoutAliases } from '../../../../runtime/training/autodiff/source-model.ts';
import { graphNames, type TrainingGraph } from '../../../../runtime/training/training-graph.ts';
import { seededRandom } from '../../../support/random.ts';

/** As workers run graphs. */
const sessionOptions: ort.InferenceSession.SessionOptions = {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  logSeverityLevel: 4,
};

interface InputRows {
  name: string;
  shape: number[];
  data: Float32Array | BigInt64Array;
}

export interface Batch {
  inputs: readonly InputRows[];
  /** Class numbers, or targets [rows, width]. */
  labels: BigInt64Array | Float32Array;
  /** 1 / rows where it is left out. */
  rowWeight?: number;
}

export type Outputs = Map<string, Float32Array>;

/** Both graphs of a model in ONNX Runtime, and what is trained. */
export class GraphSession {
  readonly graph: TrainingGraph;
  /** Weights and statistics, by name. */
  readonly parameters: Map<string, Float32Array>;
  readonly #training: ort.InferenceSession;
  readonly #evaluation: ort.InferenceSession;

  private constructor(
    model: Uint8Array,
    graph: TrainingGraph,
    training: ort.InferenceSession,
    evaluation: ort.InferenceSession,
  ) {
    this.graph = graph;
    this.parameters = initialParameters(model, graph);
    this.#training = training;
    this.#evaluation = evaluation;
  }

  /** @param form what a provider is given instead of the training graph */
  static async open(
    model: Uint8Array,
    options: TrainingOptions,
    form: (training: Uint8Array) => Uint8Array = (training) => training,
    executionProvider: 'cpu' | 'cuda' = 'cpu',
  ): Promise<GraphSession> {
    const graph = await buildTrainingGraph(model, options);
    const create = (bytes: Uint8Array): Promise<ort.InferenceSession> =>
      ort.InferenceSession.create(bytes, { ...sessionOptions, executionProviders: [executionProvider] });
    return new GraphSession(model, graph, await create(form(graph.training)), await create(graph.evaluation));
  }

  /** The loss and every contribution: by `graphNames`, or by the name of the weight. */
  async step(batch: Batch): Promise<Outputs> {
    const rows = rowsOf(batch);
    const feeds = this.#feeds(batch);
    feeds[graphNames.rowWeight] = new ort.Tensor('float32', Float32Array.of(batch.rowWeight ?? 1 / rows), []);
    const random = seededRandom(5);
    for (const { name, shape } of this.graph.randoms) {
      const dims = [rows, ...shape.slice(1)];
      const uniform = Float32Array.from({ length: sizeOf(dims) }, () => random.integer(1_000) / 1_000);
      feeds[name] = new ort.Tensor('float32', uniform, dims);
    }
    const before = [...this.parameters].map(([name, values]) => ({ name, values, copy: values.slice() }));
    const results = await this.#training.run(feeds);
    const written = before.find(({ values, copy }) => values.some((value, index) => !Object.is(value, copy[index])));
    if (written) throw new Error(`the run wrote to its input ${written.name}`);
    const outputs: Outputs = new Map([[graphNames.loss, elementsOf(results, graphNames.loss)]]);
    for (const { name, shape } of this.graph.layout.entries) {
      const contribution = graphNames.contribution(name);
      const dims = results[contribution]?.dims.join();
      if (dims !== shape.join()) throw new Error(`the contribution to ${name} has the shape [${dims ?? ''}]`);
      outputs.set(name, elementsOf(results, contribution));
    }
    return outputs;
  }

  async evaluate(batch: Batch): Promise<{ losses: Float32Array; predictions: Float32Array; width: number }> {
    const results = await this.#evaluation.run(this.#feeds(batch));
    return {
      losses: elementsOf(results, graphNames.losses),
      predictions: elementsOf(results, graphNames.predictions),
      width: results[graphNames.predictions]?.dims[1] ?? 0,
    };
  }

  async close(): Promise<void> {
    await this.#training.release();
    await this.#evaluation.release();
  }

  #feeds({ inputs, labels }: Batch): Record<string, ort.Tensor> {
    const { label, layout } = this.graph;
    const feeds: Record<string, ort.Tensor> = {};
    for (const { name, shape, data } of inputs) feeds[name] = tensorOf(data, shape);
    const shape = label.kind === 'Values' ? [labels.length / label.width, label.width] : [labels.length];
    feeds[graphNames.labels] = tensorOf(labels, shape);
    for (const entry of layout.entries) feeds[entry.name] = tensorOf(this.values(entry.name), entry.shape);
    return feeds;
  }

  /** Of a weight or statistic. */
  values(name: string): Float32Array {
    const values = this.parameters.get(name);
    if (!values) throw new Error(`${name} is not trained`);
    return values;
  }
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

const rowsOf = ({ inputs }: Batch): number => inputs[0]?.shape[0] ?? 0;

function tensorOf(data: Float32Array | BigInt64Array, shape: number[]): ort.Tensor {
  return data instanceof Float32Array ? new ort.Tensor('float32', data, shape) : new ort.Tensor('int64', data, shape);
}

const elementsOf = (results: ort.InferenceSession.ReturnType, name: string): Float32Array =>
  Float32Array.from((results[name]?.data ?? []) as Float32Array);

function initialParameters(model: Uint8Array, { layout }: TrainingGraph): Map<string, Float32Array> {
  const { graph } = decodeModel(model);
  const { initializers } = withoutAliases(graph.node, graph.initializer);
  return new Map(
    layout.entries.map(({ name }) => {
      const tensor = initializers.get(name);
      if (!tensor) throw new Error(`${name} is no initializer`);
      return [name, readFloats(tensor)];
    }),
  );
}
