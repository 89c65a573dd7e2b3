/** docs/api.md: every field of every kind, with its type, default, bounds and rules. */
import type { Crd, Schema } from '../../operator/api/schema.ts';

const code = (text: unknown): string => `\`${typeof text === 'string' ? text : JSON.stringify(text)}\``;
const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

function typeOf(schema: Schema): string {
  if (schema['x-kubernetes-int-or-string'] === true) return 'integer or string';
  if (schema.type === 'array') return `list of ${typeOf(schema.items ?? {})}`;
  if (schema.additionalProperties !== undefined) return `map of ${typeOf(schema.additionalProperties)}`;
  return schema.enum === undefined ? (schema.type ?? 'any') : 'one of';
}

function boundsOf(schema: Schema): string[] {
  const bounds: string[] = [];
  if (schema.enum !== undefined) bounds.push(schema.enum.map(code).join(', '));
  if (schema.minimum !== undefined) bounds.push(`at least ${schema.minimum}`);
  if (schema.maximum !== undefined) bounds.push(`at most ${schema.maximum}`);
  if (schema.maxLength !== undefined && schema.enum === undefined)
    bounds.push(`at most ${schema.maxLength} characters`);
  if (schema.maxItems !== undefined) bounds.push(`at most ${schema.maxItems} items`);
  if (schema.maxProperties !== undefined) bounds.push(`at most ${schema.maxProperties} entries`);
  if (schema.pattern !== undefined && schema['x-kubernetes-int-or-string'] !== true) bounds.push(code(schema.pattern));
  return bounds;
}

const rulesOf = (schema: Schema): string[] => (schema['x-kubernetes-validations'] ?? []).map(({ message }) => message);

function* rows(schema: Schema, path: string): Generator<string> {
  for (const [name, child] of Object.entries(schema.properties ?? {})) {
    const at = path === '' ? name : `${path}.${name}`;
    const facts = [...boundsOf(child), ...rulesOf(child)];
    const required = schema.required?.includes(name) === true ? ' (required)' : '';
    const fallback = child.default === undefined ? '' : code(child.default);
    const text = [child.description ?? '', facts.length === 0 ? '' : `(${facts.join('; ')})`].filter(Boolean).join(' ');
    yield `| ${code(at)}${required} | ${cell(typeOf(child))} | ${cell(fallback)} | ${cell(text)} |`;
    yield* rows(child, at);
    if (child.items !== undefined) yield* rows(child.items, `${at}[]`);
  }
}

function table(schema: Schema | undefined, path: string): string[] {
  if (schema === undefined) return [];
  return ['| Field | Type | Default | Meaning |', '| --- | --- | --- | --- |', ...rows(schema, path), ''];
}

function page(crd: Crd): string[] {
  const { kind, plural, shortNames } = crd.spec.names;
  return crd.spec.versions.flatMap(({ name, schema: { openAPIV3Schema: root } }) => {
    const { spec, status } = root.properties ?? {};
    const rules = [...rulesOf(root), ...(spec === undefined ? [] : rulesOf(spec))];
    return [
      `## ${kind}`,
      '',
      root.description ?? '',
      '',
      `\`apiVersion: ${crd.spec.group}/${name}\`, \`kind: ${kind}\`; ` +
        [plural, ...(shortNames ?? [])].map((name) => code(`kubectl get ${name}`)).join(', '),
      '',
      ...rules.map((rule) => `- ${rule}`),
      ...(rules.length === 0 ? [] : ['']),
      '### spec',
      '',
      ...table(spec, 'spec'),
      '### status',
      '',
      ...table(status, 'status'),
    ];
  });
}

/** The whole text of docs/api.md. */
export function referenceOf(crds: readonly Crd[]): string {
  return [
    '# API reference',
    '',
    'Generated from `crds/` by `npm run generate`; change it there. Both kinds are namespaced, and no reference leaves',
    'its namespace. A cluster and a laptop judge an object by the same schema, defaults and rules.',
    '',
    ...crds.flatMap(page),
  ].join('\n');
}
