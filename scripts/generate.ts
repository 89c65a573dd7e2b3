/**
 * `npm run generate`: crds/*.yaml → operator/api/*.gen.ts, docs/api.md, charts/modelyard/files/crds/;
 * runtime/proto/onnx.proto → runtime/onnx/onnx.gen.ts; its services → runtime/serving/grpc/descriptors.gen.ts;
 * runtime/training/kernels/*.ts → runtime/{training,numeric}/*.gen.ts.
 * `--check FOLDER` generates into FOLDER, compares with the tree, changes nothing and exits 1 on a difference.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parse, stringify } from 'yaml';
import type { Crd } from '../operator/api/schema.ts';
import { crdProblems } from './generate/check-crd.ts';
import { kernelsOf } from './generate/kernels.ts';
import { descriptorsOf, messagesOf } from './generate/messages.ts';
import { referenceOf } from './generate/reference.ts';
import { typesOf } from './generate/types.ts';

const header = '# Generated from crds/ by `npm run generate`; change it there.\n';

interface Source {
  file: string;
  crd: Crd;
  /** Without YAML anchors and merge keys, which not every reader of CRDs understands. */
  expanded: string;
}

function sources(root: string): Source[] {
  const folder = join(root, 'crds');
  const files = readdirSync(folder).filter((file) => file.endsWith('.yaml'));
  return files.sort().map((file) => {
    const crd = parse(readFileSync(join(folder, file), 'utf8'), { merge: true }) as Crd;
    const expanded = header + stringify(crd, { aliasDuplicateObjects: false, lineWidth: 120 });
    return { file, crd, expanded };
  });
}

const kebab = (kind: string): string => kind.replaceAll(/(?<=[a-z])(?=[A-Z])/g, '-').toLowerCase();

/** What admission reads of a CRD, and no more. */
function essence({ metadata, spec }: Crd): Crd {
  const { kind, plural, singular, shortNames } = spec.names;
  const names = { kind, plural, singular, ...(shortNames === undefined ? {} : { shortNames }) };
  const versions = spec.versions.map(({ name, schema }) => ({ name, schema }));
  return { metadata: { name: metadata.name }, spec: { group: spec.group, names, versions } };
}

function definitionsModule(crds: readonly Crd[]): string {
  return [
    '/** Every CRD, generated from crds/ by `npm run generate`; change it there. */',
    `import type { Crd } from './schema.ts';`,
    '',
    `export const crds: readonly Crd[] = ${JSON.stringify(crds.map(essence), null, 1)};`,
    '',
  ].join('\n');
}

/** Path → text, the same for the same input. */
async function outputs(root: string, all: readonly Source[]): Promise<Map<string, string>> {
  const crds = all.map(({ crd }) => crd);
  const files = new Map<string, string>();
  for (const { file, crd, expanded } of all) {
    files.set(join('charts/modelyard/files/crds', file), expanded);
    files.set(join('operator/api', `${kebab(crd.spec.names.kind)}.gen.ts`), await typesOf(crd));
  }
  files.set('operator/api/crds.gen.ts', definitionsModule(crds));
  files.set('docs/api.md', referenceOf(crds));
  files.set('runtime/onnx/onnx.gen.ts', messagesOf(root, 'runtime/proto', 'onnx.proto'));
  files.set(
    'runtime/serving/grpc/descriptors.gen.ts',
    descriptorsOf(root, 'runtime/proto', ['open_inference.proto', 'health.proto', 'reflection.proto']),
  );
  const kernels = 'runtime/training/kernels';
  files.set('runtime/training/kernels.gen.ts', kernelsOf(root, kernels, 'kernels', { shared: true }));
  files.set('runtime/numeric/philox.gen.ts', kernelsOf(root, kernels, 'philox'));
  return files;
}

function write(root: string, files: ReadonlyMap<string, string>): void {
  for (const [file, text] of files) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  }
}

const differs = (root: string, file: string, text: string): boolean =>
  !existsSync(join(root, file)) || readFileSync(join(root, file), 'utf8') !== text;

async function main(args: readonly string[]): Promise<number> {
  const root = join(import.meta.dirname, '..');
  const all = sources(root);
  const problems = all.flatMap(({ crd, expanded }) => crdProblems(crd, Buffer.byteLength(expanded)));
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) return 1;

  const files = await outputs(root, all);
  const [mode, folder] = args;
  if (mode !== '--check') {
    write(root, files);
    return 0;
  }
  if (folder === undefined) throw new Error('usage: generate.ts [--check FOLDER]');
  write(folder, files);
  const stale = [...files].filter(([file, text]) => differs(root, file, text)).map(([file]) => file);
  for (const file of stale) console.error(`${file} is not what its source gives; run npm run generate`);
  return stale.length === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
