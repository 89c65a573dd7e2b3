import { writeFileSync } from 'node:fs';
import { limeDifference, referenceFile, shapDifference, type Reference } from '../test/unit/explain/reference-cases.ts';
import { besideRows } from './explain/beside.ts';
import { runPackages } from './explain/packages.ts';
import { sampledRows } from './explain/sampled.ts';
import { backgroundRows, network, speedRows } from './explain/speed.ts';
import type { Row } from './main.ts';

/** Rows of a neighbourhood: in what is committed for the tests, and here. */
const [committed, live] = [60, 5_000];

/** Explanations beside the Python packages shap and lime: how far apart they are, how good samples are, how long they take, and what predictions take meanwhile. */
export async function explain(): Promise<Row[]> {
  if (process.env.UPDATE_GOLDEN === '1') {
    const reference = await runPackages<Reference>('reference.py', [String(committed)]);
    writeFileSync(referenceFile, `${JSON.stringify(reference)}\n`);
  }
  const { shap, lime } = await runPackages<Reference>('reference.py', [String(live)]);
  const rows: Row[] = [];
  const against = { unit: 'largest difference', reference: 1e-6, referenceName: 'the bar' };
  for (const given of shap) {
    rows.push({ what: `KernelSHAP, ${given.name}`, ...against, ours: await shapDifference(given) });
  }
  for (const given of lime) {
    const { coefficients, scores, sameFeatures } = await limeDifference(given);
    if (!sameFeatures) console.log(`LIME chooses other features: ${given.name}`);
    rows.push({
      what: `LIME from ${live} of its own rows, ${given.name}`,
      ...against,
      ours: Math.max(coefficients, scores),
    });
  }
  return [
    ...rows,
    ...(await sampledRows()),
    ...(await speedRows()),
    ...(await besideRows(network(10), 10, backgroundRows)),
  ];
}
