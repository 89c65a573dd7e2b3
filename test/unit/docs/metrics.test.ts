import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { allMetrics } from '../../support/all-metrics.ts';

const page = readFileSync(join(import.meta.dirname, '..', '..', '..', 'docs', 'operations.md'), 'utf8');
const section = /^## Metrics$(.*?)^## /ms.exec(page)?.[1] ?? '';
/** As they stand in the tables: with their labels, if any. */
const documented = [...section.matchAll(/`(modelyard_[a-z_]+(?:\{[a-z,]+\})?)`/g)].map(([, name]) => name);

const { serving, training, operator, everywhere } = allMetrics;
const ours = [...serving, ...training, ...everywhere, ...operator.filter(({ name }) => name.startsWith('modelyard_'))];

describe('metrics', () => {
  test('of our own are all in docs/operations.md with their labels, and no others', () => {
    const labelled = ours.map(({ name, labelNames }) =>
      labelNames.length === 0 || name === 'modelyard_operator_bugs_total' ? name : `${name}{${labelNames.join()}}`,
    );
    expect(documented.toSorted()).toEqual(labelled.toSorted());
  });

  test("are named as Prometheus's conventions have it: units in base units, counters as totals", () => {
    for (const { name, isHistogram } of ours) {
      expect(name).not.toMatch(/_(ms|milliseconds|kb|mb|count|sum|bucket)$/);
      if (isHistogram) expect(name).toMatch(/_(seconds|requests|rows|bytes)$/);
    }
  });

  test('of serving say which model and version they are about', () => {
    for (const { labelNames } of serving.filter(({ name }) => /^modelyard_(inference|model)_/.test(name)))
      expect(labelNames.slice(0, 2)).toEqual(['model', 'version']);
  });
});
