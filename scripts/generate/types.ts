/** TypeScript types of a kind, as admission hands it on: a field with a default is always there. */
import type { JSONSchema } from 'json-schema-to-typescript';
import { compile } from 'json-schema-to-typescript';
import type { Crd, Schema } from '../../operator/api/schema.ts';

const banner = (kind: string): string =>
  `/** ${kind}, generated from crds/ by \`npm run generate\`; change it there. */`;

function jsonSchema(schema: Schema): JSONSchema {
  const described: JSONSchema = schema.description === undefined ? {} : { description: schema.description };
  if (schema['x-kubernetes-int-or-string'] === true) return { ...described, type: ['integer', 'string'] };
  if (schema.type === 'array') return { ...described, type: 'array', items: jsonSchema(schema.items ?? {}) };
  if (schema.type !== 'object') {
    return {
      ...described,
      ...(schema.type === undefined ? {} : { type: schema.type }),
      ...(schema.enum === undefined ? {} : { enum: [...schema.enum] as string[] }),
    };
  }
  if (schema.additionalProperties !== undefined) {
    return { ...described, type: 'object', additionalProperties: jsonSchema(schema.additionalProperties) };
  }
  const properties = Object.entries(schema.properties ?? {});
  return {
    ...described,
    type: 'object',
    properties: Object.fromEntries(properties.map(([name, child]) => [name, jsonSchema(child)])),
    required: properties
      .filter(([name, child]) => child.default !== undefined || schema.required?.includes(name) === true)
      .map(([name]) => name),
    additionalProperties: schema['x-kubernetes-preserve-unknown-fields'] === true,
  };
}

async function interfaceOf(schema: Schema, name: string): Promise<string> {
  const text = await compile(jsonSchema(schema), name, {
    bannerComment: '',
    additionalProperties: false,
    format: true,
    style: { singleQuote: true, printWidth: 120 },
  });
  return text.trim();
}

/** The text of operator/api/KIND.gen.ts. */
export async function typesOf(crd: Crd): Promise<string> {
  const { kind } = crd.spec.names;
  const version = crd.spec.versions[0];
  if (version === undefined) throw new Error(`${kind} has no version`);
  const { spec, status } = version.schema.openAPIV3Schema.properties ?? {};
  if (spec === undefined || status === undefined) throw new Error(`${kind} needs a spec and a status`);
  return [
    banner(kind),
    `import type { KubeObject } from '../kube/object.ts';`,
    '',
    await interfaceOf(spec, `${kind}Spec`),
    '',
    await interfaceOf(status, `${kind}Status`),
    '',
    `export type ${kind} = KubeObject & {`,
    `  apiVersion: '${crd.spec.group}/${version.name}';`,
    `  kind: '${kind}';`,
    `  spec: ${kind}Spec;`,
    `  status?: ${kind}Status;`,
    '};',
    '',
  ].join('\n');
}
