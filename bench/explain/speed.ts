import * as ort from 'onnxruntime-node';
import { explain } from '../../runtime/explain/explain.ts';
import type { Predict } from '../../runtime/explain/model.ts';
import type { TabularRequest } from '../../runtime/explain/request.ts';
import { normal } from '../../runtime/numeric/random.ts';
import { initializer, onnxModel } from '../../test/support/onnx-builder.ts';
import { largestDifference } from '../../test/unit/explain/reference-cases.ts';
import type { Row } from '../main.ts';
import { measured } from '../statistics.ts';
import { runPackages } from './packages.ts';

export const backgroundRows = 100;
const runs = 20;

/** x FLOAT [n, features] → 64 tanh → 64 tanh → y FLOAT [n, 1]. */
export function network(features: number): Uint8Array {
  const widths = [features, 64, 64, 1];
  const layers = widths.slice(1).map((width, layer) => ({ from: widths[layer] ?? 0, width, layer }));
  const name = (layer: number): string => (layer === 0 ? 'x' : layer === layers.length ? 'y' : `h${layer}`);
  const random = (what: string, length: number, scale: number): number[] =>
    Array.from(normal(3, [what, features], length), (value) => value * scale);
  return onnxModel({
    nodes: layers.flatMap(({ layer }) => {
      const isLast = layer === layers.length - 1;
      const sum = isLast ? 'y' : `s${layer}`;
      const gemm = { op: 'Gemm', inputs: [name(layer), `w${layer}`, `b${layer}`], outputs: [sum] };
      return isLast ? [gemm] : [gemm, { op: 'Tanh', inputs: [sum], outputs: [name(layer + 1)] }];
    }),
    initializers: layers.flatMap(({ from, width, layer }) => [
      initializer.float(`w${layer}`, random(`w${layer}`, from * width, 1 / Math.sqrt(from)), [from, width]),
      initializer.float(`b${layer}`, random(`b${layer}`, width, 0.1), [width]),
    ]),
    inputs: [{ name: 'x', type: 'FLOAT', shape: ['n', features] }],
    outputs: [{ name: 'y', type: 'FLOAT', shape: ['n', 1] }],
  });
}

async function openModel(bytes: Uint8Array, features: number): Promise<Predict<Float32Array>> {
  const session = await ort.InferenceSession.create(bytes, { intraOpNumThreads: 1, interOpNumThreads: 1 });
  return async (batch, count) => {
    const { y } = await session.run({ x: new ort.Tensor('float32', batch, [count, features]) });
    return y?.data as Float32Array;
  };
}

async function timed(work: () => Promise<unknown>): Promise<number[]> {
  const milliseconds: number[] = [];
  for (let run = 0; run < runs; run++) {
    const startedAt = performance.now();
    await work();
    milliseconds.push(performance.now() - startedAt);
  }
  return milliseconds;
}

/** The same ONNX model on one thread, explained here and by the package: time where coalitions are sampled, values where they are complete. */
export async function speedRows(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const features of [11, 30]) {
    const bytes = network(features);
    const predict = await openModel(bytes, features);
    const request: TabularRequest = {
      kind: 'tabular',
      method: 'kernel_shap',
      seed: 1,
      features,
      rows: normal(4, ['row'], features),
      background: normal(4, ['background'], backgroundRows * features),
    };
    const background = Array.from({ length: backgroundRows }, (_, row) => [
      ...request.background.subarray(row * features, (row + 1) * features),
    ]);
    const theirs = await runPackages<{ values: number[]; milliseconds: number[] }>('timed.py', [], {
      model: Buffer.from(bytes).toString('base64'),
      row: [...request.rows],
      background,
      runs,
    });
    const ours = await explain(request, predict);
    if (features <= 11) {
      rows.push({
        what: `float32 ONNX model, ${features} features, complete coalitions`,
        unit: 'largest difference',
        ours: largestDifference(ours.attributions, theirs.values.flat()),
        reference: 1e-4,
        referenceName: 'the bar',
      });
    }
    const [our, their] = [measured(await timed(() => explain(request, predict))), measured(theirs.milliseconds)];
    const what = `${features} features, ${backgroundRows} background rows, ${ours.evaluations} rows of a 64-64 network`;
    rows.push({
      what,
      unit: 'ms, median',
      ours: our.median,
      oursRange: our,
      reference: their.median,
      referenceRange: their,
      referenceName: 'shap 0.51 on ONNX Runtime in Python',
    });
    const raw = measured(await timed(() => runRaw(predict, features, ours.evaluations)));
    rows.push({
      what,
      unit: 'ms, median',
      ours: our.median,
      oursRange: our,
      reference: raw.median,
      referenceRange: raw,
      referenceName: 'ONNX Runtime alone on as many rows',
    });
  }
  return rows;
}

async function runRaw(predict: Predict<Float32Array>, features: number, rows: number): Promise<void> {
  const chunk = new Float32Array(4_096 * features);
  for (let left = rows; left > 0; left -= 4_096) {
    const count = Math.min(left, 4_096);
    await predict(chunk.subarray(0, count * features), count);
  }
}
