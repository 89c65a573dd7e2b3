import { readFile } from 'node:fs/promises';
import { isMap, LineCounter, parseAllDocuments } from 'yaml';
import { admit, admittedKinds } from '../operator/api/admit.ts';
import type { KubeObject } from '../operator/kube/object.ts';
import { CliError } from './errors.ts';
import { appliedKinds } from './kinds.ts';

/** One object of a file, with where it stands. */
export interface Document {
  /** `FILE, document 2 (line 14)`: how messages name it. */
  where: string;
  object: KubeObject;
}

/** A verdict on one document: no faults means that a cluster would take it. */
export interface Judged extends Document {
  faults: { field: string; message: string }[];
}

const defaultNamespace = 'default';

/** The documents of a file; `-` is standard input. Empty ones are skipped. @throws CliError BadFile */
export async function readDocuments(file: string, stdin: AsyncIterable<Buffer | string>): Promise<Document[]> {
  let text: string;
  try {
    text = file === '-' ? await textOf(stdin) : await readFile(file, 'utf8');
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such file; check the path given with -f' : message;
    throw new CliError('BadFile', `${file}: ${why}`);
  }
  const lines = new LineCounter();
  const name = file === '-' ? 'standard input' : file;
  const parsed = parseAllDocuments(text, { lineCounter: lines });
  if (!Array.isArray(parsed))
    throw new CliError('BadFile', `${name}: the file is empty; write a ModelDeployment or a TrainingJob into it`);
  const documents = parsed.flatMap((document, index): Document[] => {
    const { line } = lines.linePos(document.contents?.range[0] ?? 0);
    const where = `${name}, document ${index + 1} (line ${line})`;
    const [error] = document.errors;
    if (error !== undefined) throw new CliError('BadFile', `${where}: ${error.message}`);
    if (document.toJS() === null) return [];
    if (!isMap(document.contents))
      throw new CliError('BadFile', `${where}: must be an object with apiVersion and kind`);
    return [{ where, object: withNamespace(document.toJS() as KubeObject) }];
  });
  if (documents.length === 0)
    throw new CliError('BadFile', `${name}: holds no object; write a ModelDeployment or a TrainingJob into it`);
  return documents;
}

async function textOf(stream: AsyncIterable<Buffer | string>): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += chunk.toString();
  return text;
}

function withNamespace(object: KubeObject): KubeObject {
  const metadata: unknown = object.metadata;
  if (typeof metadata !== 'object' || metadata === null) return object;
  return { ...object, metadata: { ...object.metadata, namespace: object.metadata.namespace ?? defaultNamespace } };
}

/** What a cluster would say of a document: by the CRD for our own kinds, by shape for what they may refer to. */
export function judge(document: Document): Judged {
  const { object } = document;
  const isOne = (kinds: readonly { apiVersion: string; kind: string }[]): boolean =>
    kinds.some(({ apiVersion, kind }) => apiVersion === object.apiVersion && kind === object.kind);
  if (isOne(appliedKinds) && !isOne(admittedKinds())) {
    const named = typeof (object.metadata as { name?: unknown } | undefined)?.name === 'string';
    return { ...document, faults: named ? [] : [{ field: 'metadata.name', message: 'Required value' }] };
  }
  const verdict = admit(object);
  const faults = [...(verdict.admitted ? [] : verdict.faults), ...verdict.unknown];
  return { ...document, object: verdict.admitted ? verdict.object : object, faults };
}

/** One line for each fault: file, document, field, and what to do. */
export const faultLines = ({ where, faults }: Judged): string[] =>
  faults.map(({ field, message }) => `${where}: ${field === '' ? '' : `${field}: `}${message}`);

/** The judged documents of several files. @throws CliError BadFile, InvalidObject with every fault of every document */
export async function readValid(files: string[], stdin: AsyncIterable<Buffer | string>): Promise<Document[]> {
  const documents: Document[] = [];
  for (const file of files) documents.push(...(await readDocuments(file, stdin)));
  const judged = documents.map(judge);
  const lines = judged.flatMap(faultLines);
  if (lines.length > 0) throw new CliError('InvalidObject', lines.join('\n'));
  return judged.map(({ where, object }) => ({ where, object }));
}
