import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CurvePoint } from './loss-curve.ts';

/** More points than pixels show nothing, and single steps are noisy. */
const mostPoints = 80;

/**
 * The loss curve that a job wrote beside its model, with the means of neighbouring steps where there are many. Undefined where there
 * is no such file on this machine.
 *
 * @param modelFolder what the job's `status.output.uri` names
 */
export async function readHistory(modelFolder: string): Promise<CurvePoint[] | undefined> {
  let text: string;
  try {
    text = await readFile(join(modelFolder, '..', 'history.csv'), 'utf8');
  } catch {
    return undefined;
  }
  const rows = text
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => line.split(','));
  const losses = rows.map(([step, loss]) => ({ step: Number(step), loss: Number(loss) }));
  const validation = rows.flatMap(([step, , value = '']) =>
    value === '' ? [] : [{ step: Number(step), validationLoss: Number(value) }],
  );
  return [...means(losses), ...validation];
}

function means(points: { step: number; loss: number }[]): CurvePoint[] {
  const width = Math.ceil(points.length / mostPoints);
  return Array.from({ length: Math.ceil(points.length / width) }, (_, index) => {
    const near = points.slice(index * width, (index + 1) * width);
    return { step: near.at(-1)?.step ?? 0, loss: near.reduce((sum, { loss }) => sum + loss, 0) / near.length };
  });
}
