import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { allMetrics, type MetricShape } from '../../support/all-metrics.ts';

interface Panel {
  id: number;
  type: string;
  title: string;
  gridPos: { x: number; y: number; w: number; h: number };
  targets?: { expr: string; legendFormat: string }[];
}

interface Dashboard {
  panels: Panel[];
  templating: { list: { name: string; query: string | { query: string } }[] };
}

const folder = join(import.meta.dirname, '..', '..', '..', 'charts', 'modelyard', 'files', 'dashboards');
const dashboard = JSON.parse(readFileSync(join(folder, 'modelyard.json'), 'utf8')) as Dashboard;
const { panels, templating } = dashboard;

const queries = [
  ...panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
  ...templating.list.flatMap(({ query }) => (typeof query === 'string' ? [] : [query.query])),
];

/** The series that a metric is scraped as, each with its labels. */
const seriesOf = ({ name, labelNames, isHistogram }: MetricShape): [string, readonly string[]][] =>
  isHistogram
    ? [
        [`${name}_bucket`, [...labelNames, 'le']],
        [`${name}_sum`, labelNames],
        [`${name}_count`, labelNames],
      ]
    : [[name, labelNames]];

const { serving, operator } = allMetrics;
const known = new Map([...serving, ...operator].flatMap(seriesOf));
/** What Prometheus adds of where it scraped. */
const ofTarget = ['namespace', 'pod'];

/** Series of a query with the labels that it chooses by. */
const selectors = (query: string): [string, string[]][] =>
  [...query.matchAll(/\b([a-z_]+)\{([^}]*)\}/g)].map(([, name = '', matchers = '']) => [
    name,
    [...matchers.matchAll(/(\w+)(?:=~|!~|!=|=)"/g)].map(([, label = '']) => label),
  ]);

describe('the dashboard', () => {
  test('asks only for series that the operator or the runtime has, by labels that these have', () => {
    expect(queries.length).toBeGreaterThan(20);
    for (const query of queries) {
      const found = selectors(query);
      if (!query.startsWith('label_values(modelyard_model_ready,')) expect(found).not.toEqual([]);
      for (const [name, labels] of found) {
        expect([...known.keys()]).toContain(name);
        expect([...(known.get(name) ?? []), ...ofTarget]).toEqual(expect.arrayContaining(labels));
      }
      // Also where a name stands without a selector.
      for (const [name] of query.matchAll(/\b(?:modelyard|workqueue|controller_runtime|leader_election)_[a-z_]+/g))
        expect([...known.keys()]).toContain(name);
    }
  });

  test('groups by labels that the series have, and names in its legends what it groups by', () => {
    for (const { targets = [] } of panels) {
      for (const { expr, legendFormat } of targets) {
        const series = selectors(expr).map(([name]) => known.get(name) ?? []);
        const groups = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, labels = '']) => labels.split(', '));
        for (const label of groups) expect(series.every((labels) => labels.includes(label))).toBe(true);
        const shown = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label);
        expect(groups).toEqual(expect.arrayContaining(shown));
        expect(new Set(groups.filter((label) => label !== 'le'))).toEqual(new Set(shown));
      }
    }
  });

  test('shows every metric of inference', () => {
    const text = queries.join('\n');
    for (const { name } of serving.filter((metric) => /^modelyard_(inference|model)_/.test(metric.name)))
      expect(text).toContain(name);
  });

  test('has its panels side by side, none over another', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) => {
      expect(x + w).toBeLessThanOrEqual(24);
      return Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`);
    });
    expect(new Set(cells).size).toBe(cells.length);
  });
});
