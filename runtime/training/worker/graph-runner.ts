import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Rows } from '../data/dataset.ts';
import type { Kernels } from '../kernels.ts';
import type { Layout } from '../layout.ts';
import { measure, noSums, type MetricSums } from '../metrics.ts';
import { uniform } from '../../numeric/random.ts';
import { graphNames, type RandomInput, type TrainingGraph } from '../training-graph.ts';
import type { EvaluationTask, GradientTask, Leaf } from './engine-messages.ts';
import { cudaForm } from './cuda-form.ts';
import { loadFailure, runFailure } from './run-failures.ts';
import type { SharedVectors } from './shared-vectors.ts';

/** Kernels of this thread alone, and the vectors that it shares with the others. */
interface RunnerOptions {
  executionProvider: 'cpu' | 'cuda';
  kernels: Kernels;
  vectors: SharedVectors;
}

/** Memory for one contribution, and the tensors over it that ONNX Runtime writes to. */
interface Target {
  values: Float32Array;
  fetches: Record<string, Tensor | null>;
}

const sessionOptions = (executionProvider: 'cpu' | 'cuda'): InferenceSession.SessionOptions => ({
  executionProviders: [executionProvider],
  // One thread for a run: how a sum is split among threads would show in its last bits.
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  extra: { session: { intra_op: { allow_spinning: '0' } } },
  logSeverityLevel: 3,
});

/** The two graphs of a job in ONNX Runtime, over vectors that all threads share. Every run blocks this thread. */
export class GraphRunner {
  readonly #graph: TrainingGraph;
  readonly #kernels: Kernels;
  readonly #vectors: SharedVectors;
  readonly #training: InferenceSession;
  readonly #evaluation: InferenceSession;
  readonly #scratch: Target[] = [];
  /** Of vectors that were used as parameters, and as memory for contributions. */
  readonly #feeds = new WeakMap<Float32Array, Record<string, Tensor>>();
  readonly #targets = new WeakMap<Float32Array, Target>();

  private constructor(
    graph: TrainingGraph,
    { kernels, vectors }: RunnerOptions,
    training: InferenceSession,
    evaluation: InferenceSession,
  ) {
    this.#graph = graph;
    this.#kernels = kernels;
    this.#vectors = vectors;
    this.#training = training;
    this.#evaluation = evaluation;
  }

  /** @throws TrainingFailure */
  static async load(graph: TrainingGraph, runnerOptions: RunnerOptions): Promise<GraphRunner> {
    const { executionProvider } = runnerOptions;
    try {
      const options = sessionOptions(executionProvider);
      const form = executionProvider === 'cuda' ? cudaForm(graph.training) : graph.training;
      const training = await InferenceSession.create(form, options);
      const evaluation = await InferenceSession.create(graph.evaluation, options);
      return new GraphRunner(graph, runnerOptions, training, evaluation);
    } catch (error) {
      throw loadFailure(error, executionProvider);
    }
  }

  /**
   * The contributions of the leaves, summed as the sum tree has it. Gives the loss.
   *
   * @param into the number of the vector that receives the values
   * @throws TrainingFailure
   */
  async gradient(task: GradientTask<number>, into: number): Promise<number> {
    const { leaves } = task;
    const [first] = leaves;
    const target = this.#targetOver(into);
    if (first !== undefined && leaves.length === 1) return this.#run(task, first, target);
    const loss = await this.#sum(task, leaves, 0);
    target.values.set(this.#scratchAt(0).values);
    return loss;
  }

  /** @throws TrainingFailure */
  async evaluate({ parameters, rows }: EvaluationTask<number>): Promise<MetricSums> {
    const { label } = this.#graph;
    if (rows.count === 0) return noSums(label);
    try {
      const feeds = { ...this.#parameterFeeds(parameters), ...rowFeeds(rows) };
      const { [graphNames.losses]: losses, [graphNames.predictions]: predictions } = await this.#evaluation.run(feeds);
      return measure(label, {
        losses: losses?.data as Float32Array,
        predictions: predictions?.data as Float32Array,
        labels: rows.labels.data,
      });
    } catch (error) {
      throw runFailure(error);
    }
  }

  /** Leaves the values in the scratch memory of that depth; what is deeper is overwritten. Gives the loss. */
  async #sum(task: GradientTask<number>, leaves: readonly Leaf[], depth: number): Promise<number> {
    const [first] = leaves;
    if (first === undefined) throw new Error('a gradient of no leaves');
    const here = this.#scratchAt(depth);
    if (leaves.length === 1) return this.#run(task, first, here);
    const half = 2 ** (Math.ceil(Math.log2(leaves.length)) - 1);
    const left = await this.#sum(task, leaves.slice(0, half), depth);
    const right = await this.#sum(task, leaves.slice(half), depth + 1);
    this.#kernels.add(here.values, this.#scratchAt(depth + 1).values);
    return left + right;
  }

  async #run(task: GradientTask<number>, { shard, rows }: Leaf, { values, fetches }: Target): Promise<number> {
    if (rows.count === 0) {
      values.fill(0);
      return 0;
    }
    const feeds = {
      ...this.#parameterFeeds(task.parameters),
      ...rowFeeds(rows),
      ...randomFeeds(this.#graph.randoms, rows.count, task, shard),
      [graphNames.rowWeight]: new Tensor('float32', Float32Array.of(task.rowWeight), []),
    };
    try {
      const { [graphNames.loss]: loss } = await this.#training.run(feeds, fetches);
      return (loss?.data as Float32Array)[0] ?? NaN;
    } catch (error) {
      throw runFailure(error);
    }
  }

  #parameterFeeds(id: number): Record<string, Tensor> {
    const values = this.#vectors.get(id);
    const feeds = this.#feeds.get(values) ?? tensorsOver(this.#graph.layout, values, (name) => name);
    this.#feeds.set(values, feeds);
    return feeds;
  }

  #targetOver(id: number): Target {
    const values = this.#vectors.get(id);
    const target = this.#targets.get(values) ?? targetOver(this.#graph.layout, values);
    this.#targets.set(values, target);
    return target;
  }

  #scratchAt(depth: number): Target {
    const { layout } = this.#graph;
    return (this.#scratch[depth] ??= targetOver(layout, this.#kernels.allocate(layout.total)));
  }
}

function targetOver(layout: Layout, values: Float32Array): Target {
  return { values, fetches: { [graphNames.loss]: null, ...tensorsOver(layout, values, graphNames.contribution) } };
}

/** A tensor for each entry, over its place in the vector. */
function tensorsOver(layout: Layout, values: Float32Array, nameOf: (name: string) => string): Record<string, Tensor> {
  return Object.fromEntries(
    layout.entries.map(({ name, offset, length, shape }) => [
      nameOf(name),
      new Tensor('float32', values.subarray(offset, offset + length), shape),
    ]),
  );
}

function rowFeeds({ inputs, labels }: Rows): Record<string, Tensor> {
  const feeds = [...inputs, [graphNames.labels, labels] as const];
  return Object.fromEntries(feeds.map(([name, { data, shape }]) => [name, tensorOf(data, shape)]));
}

function tensorOf(data: Float32Array | BigInt64Array | Int32Array, shape: number[]): Tensor {
  if (data instanceof BigInt64Array) return new Tensor('int64', data, shape);
  return data instanceof Int32Array ? new Tensor('int32', data, shape) : new Tensor('float32', data, shape);
}

/** The numbers behind every Dropout depend on the step and the shard alone, not on who computes it. */
function randomFeeds(
  randoms: readonly RandomInput[],
  rows: number,
  { seed, step }: GradientTask<number>,
  shard: number,
): Record<string, Tensor> {
  return Object.fromEntries(
    randoms.map(({ name, shape }, index) => {
      const dims = [rows, ...shape.slice(1)];
      const length = dims.reduce((product, size) => product * size, 1);
      return [name, new Tensor('float32', uniform(seed, ['dropout', step, shard, index], length), dims)];
    }),
  );
}
