import { readFileSync } from 'node:fs';
import { parse, stringify } from 'yaml';
import type { KubeObject, ResourceKind } from '../operator/kube/object.ts';

interface Column {
  name: string;
  type: string;
  jsonPath: string;
  priority?: number;
}

interface PrintedCrd {
  spec: { names: { kind: string }; versions: { additionalPrinterColumns?: Column[] }[] };
}

const condition = (type: string): string => `.status.conditions[?(@.type=="${type}")].status`;
const age: Column = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };

/** As kubectl shows the built-in kinds, as far as a laptop knows of them. */
const builtIn: Record<string, Column[]> = {
  Pod: [
    { name: 'Ready', type: 'string', jsonPath: condition('Ready') },
    { name: 'Status', type: 'string', jsonPath: '.status.phase' },
    { name: 'Restarts', type: 'integer', jsonPath: '.status.containerStatuses[?(@.name=="runtime")].restartCount' },
    { name: 'IP', type: 'string', jsonPath: '.status.podIP' },
    age,
  ],
  Deployment: [
    { name: 'Ready', type: 'integer', jsonPath: '.status.readyReplicas' },
    { name: 'Up-to-date', type: 'integer', jsonPath: '.status.updatedReplicas' },
    { name: 'Available', type: 'integer', jsonPath: '.status.availableReplicas' },
    age,
  ],
  Event: [
    { name: 'Type', type: 'string', jsonPath: '.type' },
    { name: 'Reason', type: 'string', jsonPath: '.reason' },
    { name: 'Object', type: 'string', jsonPath: '.regarding.name' },
    { name: 'Message', type: 'string', jsonPath: '.note' },
  ],
};

/** The columns of a kind: those of its CRD, so that a laptop shows what kubectl shows. */
function columnsOf({ kind, plural }: ResourceKind): Column[] {
  if (kind in builtIn) return builtIn[kind] ?? [age];
  const singular = plural.replace(/s$/, '');
  if (kind !== 'ModelDeployment' && kind !== 'TrainingJob') return [age];
  const crd = parse(readFileSync(new URL(`../crds/${singular}.yaml`, import.meta.url), 'utf8')) as PrintedCrd;
  return crd.spec.versions[0]?.additionalPrinterColumns ?? [age];
}

/** The subset of JSONPath that printer columns use: `.a.b` and `[?(@.key=="value")]`. */
function valueAt(object: unknown, path: string): unknown {
  let value = object;
  for (const [, name, key, wanted] of path.matchAll(/\.([\w-]+)|\[\?\(@\.(\w+)=="([^"]*)"\)\]/g)) {
    if (name !== undefined) value = (value as Record<string, unknown> | null | undefined)?.[name];
    else
      value = Array.isArray(value)
        ? value.find((item: Record<string, unknown>) => item[key ?? ''] === wanted)
        : undefined;
  }
  return value;
}

/** `45s`, `12m`, `3h`, `4d`: as kubectl shows an age. */
function ageText(since: string, now: Date): string {
  const seconds = Math.max(0, Math.floor((now.getTime() - Date.parse(since)) / 1000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / 86_400)}d`;
}

function cell(value: unknown, { type }: Column, now: Date): string {
  if (value === undefined || value === null) return type === 'integer' ? '0' : '';
  if (typeof value !== 'string') return JSON.stringify(value);
  return type === 'date' ? ageText(value, now) : value;
}

/** Columns of equal width; the last one is not padded. */
export function tableText(rows: readonly string[][]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((text, column) => text.padEnd(widths[column] ?? 0))
        .join('   ')
        .trimEnd(),
    )
    .join('\n');
}

export type Output = 'table' | 'wide' | 'yaml' | 'json';

/** Objects as a table with the columns of their kind, without a newline at the end. */
export function tableOf(
  kind: ResourceKind,
  objects: readonly KubeObject[],
  output: 'table' | 'wide',
  now: Date,
): string {
  const columns = columnsOf(kind).filter(({ priority = 0 }) => output === 'wide' || priority === 0);
  const head = ['NAME', ...columns.map(({ name }) => name.toUpperCase())];
  const rows = objects.map((object) => [
    object.metadata.name,
    ...columns.map((column) => cell(valueAt(object, column.jsonPath), column, now)),
  ]);
  return tableText([head, ...rows]);
}

/** Objects as they are, without a newline at the end. A single one is printed alone, several as a list. */
export function objectsText(objects: readonly KubeObject[], output: 'yaml' | 'json'): string {
  const [only] = objects;
  const whole = objects.length === 1 ? only : { apiVersion: 'v1', kind: 'List', items: objects };
  return output === 'yaml' ? stringify(whole).trimEnd() : JSON.stringify(whole, null, 2);
}
