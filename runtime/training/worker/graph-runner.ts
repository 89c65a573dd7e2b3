import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Rows } from '../data/dataset.ts';
import { createKernels, type Kernels } from '../kernels.ts';
import type { Layout } from '../layout.ts';
import { measure, noSums, type MetricSums } from '../metrics.ts';
import { uniform } from '../random.ts';
import { graphNames, type RandomInput, type TrainingGraph } from '../training-graph.ts';
import type { Contribution, EvaluationTask, GradientTask, Leaf, SharedParameters } from './engine-messages.ts';
import { loadFailure, runFailure } from './run-failures.ts';

/** Memory for one contribution, and the tensors over it that ONNX Runtime writes to. */
interface Scratch {
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

/** The two graphs of a job in ONNX Runtime, with a copy of the parameters. Every run blocks this thread. */
export class GraphRunner {
  readonly #graph: TrainingGraph;
  readonly #kernels: Kernels;
  readonly #training: InferenceSession;
  readonly #evaluation: InferenceSession;
  readonly #parameters: Float32Array;
  readonly #parameterFeeds: Record<string, Tensor>;
  readonly #scratch: Scratch[] = [];
  #held: number | undefined;

  private constructor(
    graph: TrainingGraph,
    kernels: Kernels,
    training: InferenceSession,
    evaluation: InferenceSession,
  ) {
    this.#graph = graph;
    this.#kernels = kernels;
    this.#training = training;
    this.#evaluation = evaluation;
    this.#parameters = new Float32Array(graph.layout.total);
    this.#parameterFeeds = tensorsOver(graph.layout, this.#parameters, (name) => name);
  }

  /** @throws TrainingFailure */
  static async load(graph: TrainingGraph, executionProvider: 'cpu' | 'cuda'): Promise<GraphRunner> {
    const kernels = await createKernels();
    try {
      const options = sessionOptions(executionProvider);
      const training = await InferenceSession.create(graph.training, options);
      return new GraphRunner(graph, kernels, training, await InferenceSession.create(graph.evaluation, options));
    } catch (error) {
      throw loadFailure(error, executionProvider);
    }
  }

  /**
   * The contributions of the leaves, summed as the sum tree has it.
   *
   * @param into receives the values
   * @throws TrainingFailure
   */
  async gradient(task: GradientTask, into: Float32Array<ArrayBuffer>): Promise<Contribution> {
    this.#take(task.parameters);
    const loss = await this.#sum(task, task.leaves, 0);
    into.set(this.#scratchAt(0).values);
    return { loss, values: into };
  }

  /** Puts left + right into the values of `left`. */
  add(left: Contribution, right: Contribution): Contribution {
    const [target, source] = [this.#scratchAt(0).values, this.#scratchAt(1).values];
    target.set(left.values);
    source.set(right.values);
    this.#kernels.add(target, source);
    left.values.set(target);
    return { loss: left.loss + right.loss, values: left.values };
  }

  /** @throws TrainingFailure */
  async evaluate({ parameters, rows }: EvaluationTask): Promise<MetricSums> {
    const { label } = this.#graph;
    if (rows.count === 0) return noSums(label);
    this.#take(parameters);
    try {
      const feeds = { ...this.#parameterFeeds, ...rowFeeds(rows) };
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
  async #sum(task: GradientTask, leaves: readonly Leaf[], depth: number): Promise<number> {
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

  async #run(task: GradientTask, { shard, rows }: Leaf, { values, fetches }: Scratch): Promise<number> {
    if (rows.count === 0) {
      values.fill(0);
      return 0;
    }
    const feeds = {
      ...this.#parameterFeeds,
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

  #take({ id, values }: SharedParameters): void {
    if (this.#held !== id) this.#parameters.set(values);
    this.#held = id;
  }

  #scratchAt(depth: number): Scratch {
    return (this.#scratch[depth] ??= scratchFor(this.#graph.layout, this.#kernels));
  }
}

function scratchFor(layout: Layout, kernels: Kernels): Scratch {
  const values = kernels.allocate(layout.total);
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
  { seed, step }: GradientTask,
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
