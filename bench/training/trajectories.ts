import { buildTrainingGraph } from '../../runtime/training/autodiff/build-training-graph.ts';
import { createKernels } from '../../runtime/training/kernels.ts';
import { learningRateAt } from '../../runtime/training/learning-rate.ts';
import { buildModel } from '../../runtime/training/model/build-model.ts';
import { initialWeights } from '../../runtime/training/program.ts';
import { updateRule } from '../../runtime/training/update-rule.ts';
import { Engine } from '../../runtime/training/worker/engine.ts';
import type { OptimizerSpec } from '../../runtime/training-contract.ts';
import { decodeModel, encodeModel } from '../../runtime/onnx/model.ts';
import type { Row } from '../main.ts';
import { runTorch } from '../torch.ts';
import { cnn, digits, mlp, optimizers, type ModelCase } from './cases.ts';

const steps = 100;
const batchSize = 64;
/** Each row is met once. */
const rowCount = steps * batchSize;
const seed = 7;
/** What P10 asks for where PyTorch itself does not differ by more between one thread and two. */
const relativeBar = 1e-5;

/** Losses of PyTorch's steps. */
interface Theirs {
  /** With 1 thread. */
  losses: number[];
  twoThreads: number[];
  /** With 1 thread, the rows of each batch in reverse. */
  reversed: number[];
}

interface Prepared {
  model: Uint8Array;
  inputName: string;
  outputName: string;
  /** Losses of our steps with this optimizer. */
  losses(optimizer: OptimizerSpec): Promise<number[]>;
}

async function prepare(
  { source, shape }: ModelCase,
  isSmooth: boolean,
  data: ReturnType<typeof digits>,
): Promise<Prepared> {
  const features = { name: 'features', dataType: 'FP32' as const, shape: [-1, ...shape] };
  const label = { kind: 'Classes' as const, classes: 10 };
  const built = buildModel(source, { features, label, seed });
  const model = isSmooth ? smoothed(built) : built;
  const graph = await buildTrainingGraph(model, { loss: 'CrossEntropy', freeze: [], label, rowShape: shape });
  const kernels = await createKernels();
  const { layout } = graph;
  const width = shape.reduce((product, size) => product * size, 1);

  const rowsOf = (step: number) => {
    const from = (step * batchSize) % rowCount;
    const images = data.images.slice(from * width, (from + batchSize) * width);
    return {
      count: batchSize,
      inputs: new Map([['features', { data: images, shape: [batchSize, ...shape] }]]),
      labels: { data: data.labels.slice(from, from + batchSize), shape: [batchSize] },
    };
  };

  const losses = async (optimizer: OptimizerSpec): Promise<number[]> => {
    const engine = new Engine(1, 'cpu');
    await engine.load(graph, optimizer);
    const part = () => ({ vector: engine.allocate(layout.total), from: 0 });
    const { slots } = updateRule(kernels, optimizer);
    const state = () => ({ weights: part(), slots: Array.from({ length: slots }, part) });
    let [from, to] = [state(), state()];
    from.weights.vector.values.set(initialWeights({ model, graph }));
    const result: number[] = [];
    for (let step = 0; step < steps; step++) {
      const parameters = from.weights.vector;
      const leaves = [{ shard: 0, rows: rowsOf(step) }];
      const contribution = await engine.gradient({ parameters, step, seed, rowWeight: 1 / batchSize, leaves });
      result.push(contribution.loss);
      const gradient = { vector: contribution.vector, from: 0 };
      const at = { step: step + 1, learningRate: learningRateAt(optimizer, step + 1, steps), gradientScale: 1 };
      await engine.update({ from, gradient, to, length: layout.total, trainable: layout.trainable, at });
      engine.recycle(contribution);
      [from, to] = [to, from];
    }
    await engine.close();
    return result;
  };
  return { model, inputName: 'features', outputName: 'logits', losses };
}

/** The same model with slopes that are continuous. */
function smoothed(model: Uint8Array): Uint8Array {
  const decoded = decodeModel(model);
  for (const node of decoded.graph.node) node.opType = smoothForms[node.opType] ?? node.opType;
  return encodeModel(decoded);
}

const smoothForms: Record<string, string> = { Relu: 'Tanh', MaxPool: 'AveragePool' };

function largestRelative(a: readonly number[], b: readonly number[]): number {
  return Math.max(...a.map((value, index) => Math.abs(value - (b[index] ?? NaN)) / Math.abs(b[index] ?? NaN)));
}

/**
 * P10: the same initial weights and batches; the largest relative difference of a step's loss, over what it may be. Where a ReLU or a maximum changes
 * sides by rounding, trajectories part, whoever computes them: what PyTorch's own losses differ by, where only the order of its sums does, tells by how much.
 * Models whose slopes are smooth do not part.
 */
export async function trajectories(): Promise<Row[]> {
  const data = digits(rowCount);
  const rows: Row[] = [];
  for (const [modelCase, isSmooth] of [mlp, cnn].flatMap((one) => [[one, true] as const, [one, false] as const])) {
    const prepared = await prepare(modelCase, isSmooth, data);
    const theirs = await runTorch<Theirs[]>(
      'trajectory.py',
      {
        loss: 'CrossEntropy',
        optimizers,
        batchSize,
        steps,
        input: prepared.inputName,
        output: prepared.outputName,
        inputShape: [rowCount, ...modelCase.shape],
      },
      { 'model.onnx': prepared.model, 'inputs.bin': data.images, 'labels.bin': data.labels },
    );
    for (const [index, optimizer] of optimizers.entries()) {
      const { losses, twoThreads, reversed } = theirs[index] ?? { losses: [], twoThreads: [], reversed: [] };
      const ours = largestRelative(await prepared.losses(optimizer), losses);
      const decay = optimizer.weightDecay === 0 ? '' : ` with weight decay ${optimizer.weightDecay}`;
      const form = isSmooth ? ' with smooth slopes' : '';
      const what = `P10 ${modelCase.name}${form}, ${optimizer.name}${decay}: loss over ${steps} steps`;
      const unit = 'largest relative difference from PyTorch';
      const [ofThreads, ofOrders] = [twoThreads, reversed].map((others) => largestRelative(others, losses));
      const spread = Math.max(ofThreads ?? NaN, ofOrders ?? NaN);
      const spreads = `PyTorch's own spread: ${ofThreads?.toExponential(1)} between 1 thread and 2, ${ofOrders?.toExponential(1)} between two orders of a batch's rows`;
      const isRounding = 2 * spread > relativeBar;
      rows.push({
        what,
        unit,
        ours,
        reference: isRounding ? 2 * spread : relativeBar,
        referenceName: `${isRounding ? 'twice' : 'the bar;'} ${spreads}`,
      });
    }
  }
  return rows;
}
