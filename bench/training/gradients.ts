import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gradientCases } from '../../test/runtime/training/autodiff/cases/all.ts';
import type { GradientCase } from '../../test/runtime/training/autodiff/gradient-case.ts';
import { widthOf } from '../../test/runtime/training/autodiff/gradient-check.ts';
import { GraphSession } from '../../test/runtime/training/autodiff/graph-session.ts';
import { seededRandom } from '../../test/support/random.ts';
import type { Row } from '../main.ts';
import { runTorchOn } from '../torch.ts';

/** The largest difference of an element that PyTorch may have, over the length of the gradient. */
const bar = 1e-4;
/** Shorter gradients drown in rounding: their difference is taken over this. */
const smallestLength = 0.01;

interface Ours {
  name: string;
  /** By the weight's name. */
  gradients: [string, Float32Array][];
}

/** Writes a case for PyTorch and returns our gradients of it. */
async function write(gradientCase: GradientCase, folder: string): Promise<Ours> {
  const { name, model, inputs, rows, freeze } = gradientCase;
  const width = await widthOf(gradientCase);
  const session = await GraphSession.open(model, {
    loss: 'MeanSquaredError',
    freeze,
    label: { kind: 'Values', width },
  });
  const random = seededRandom(7);
  const labels = Float32Array.from({ length: rows * width }, () => random.integer(2_001) / 1_000 - 1);
  const results = await session.step({ inputs, labels });
  await session.close();
  const weights = session.graph.layout.entries.filter(({ kind }) => kind === 'Trainable').map((entry) => entry.name);
  mkdirSync(folder);
  writeFileSync(join(folder, 'model.onnx'), model);
  writeFileSync(join(folder, 'labels.bin'), labels);
  inputs.forEach(({ data }, index) => writeFileSync(join(folder, `input-${index}.bin`), data));
  const description = { inputs: inputs.map((input) => [input.name, input.shape]), weights };
  writeFileSync(join(folder, 'case.json'), JSON.stringify(description));
  return { name, gradients: weights.map((weight) => [weight, results.get(weight) ?? new Float32Array()]) };
}

function difference(ours: Float32Array, theirs: Float32Array): number {
  const length = Math.hypot(...theirs);
  const largest = ours.reduce((most, value, index) => Math.max(most, Math.abs(value - (theirs[index] ?? NaN))), 0);
  return largest / Math.max(length, smallestLength);
}

/** Masks are random, and PyTorch's BatchNormalization has no frozen statistics in training: these are left to finite differences. */
const hasReference = ({ operator, freeze }: GradientCase): boolean =>
  operator !== 'Dropout' && !(operator === 'BatchNormalization' && freeze.length > 0);

/** Every case of the gradient table beside PyTorch's autograd, on the same weights, inputs and labels: a row for each operator. */
export async function gradients(): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'modelyard-gradients-'));
  try {
    const all: Ours[] = [];
    const cases = gradientCases.filter(hasReference);
    for (const [index, gradientCase] of cases.entries())
      all.push(await write(gradientCase, join(folder, String(index).padStart(4, '0'))));
    const { failed } = await runTorchOn<{ failed: Record<string, string> }>('gradients.py', folder);
    const worst = new Map<string, { cases: number; error: number }>();
    for (const [index, { name, gradients: ours }] of all.entries()) {
      const place = String(index).padStart(4, '0');
      if (failed[place] !== undefined) {
        console.log(`PyTorch cannot run: ${name}: ${failed[place]}`);
        continue;
      }
      const errors = ours.map(([, gradient], weight) => {
        const { buffer } = Uint8Array.from(readFileSync(join(folder, place, `gradient-${weight}.bin`)));
        return difference(gradient, new Float32Array(buffer));
      });
      const error = Math.max(...errors);
      if (!(error <= bar)) console.log(`differs by ${error.toPrecision(3)}: ${name}`);
      const operator = cases[index]?.operator ?? '';
      const before = worst.get(operator) ?? { cases: 0, error: 0 };
      worst.set(operator, { cases: before.cases + 1, error: Math.max(before.error, error) });
    }
    console.log(`${all.length} cases, ${Object.keys(failed).length} of which PyTorch cannot run`);
    return [...worst].map(([operator, { cases, error }]) => ({
      what: `gradient of ${operator}, ${cases} cases`,
      unit: 'largest relative difference',
      ours: error,
      reference: bar,
      referenceName: 'the bar',
    }));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
