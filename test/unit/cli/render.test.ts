import { readFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { render } from '../../../cli/commands/render.ts';
import type { KubeObject } from '../../../operator/kube/object.ts';
import { scriptedTerminal } from '../../support/terminal.ts';

const options = { image: 'example.com/runtime:1', operatorNamespace: 'modelyard-system' };

const deployment = (uri: string): string =>
  `apiVersion: modelyard.dev/v1alpha1\nkind: ModelDeployment\nmetadata: { name: digits, namespace: team }\nspec: { model: { uri: "${uri}" }, replicas: 2 }\n`;

describe('render', () => {
  test('prints every object that the operator would apply, in the namespace of the deployment', async () => {
    const terminal = scriptedTerminal(deployment('s3://models/digits/'));
    await render(terminal, ['-'], options);
    const objects = parseAllDocuments(terminal.printed.join('\n')).map((document) => document.toJS() as KubeObject);
    expect(objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`).sort()).toEqual([
      'ConfigMap team/digits-serving-pin',
      'Deployment team/digits-serving',
      'NetworkPolicy team/digits-serving',
      'PodDisruptionBudget team/digits-serving',
      'Service team/digits',
      'ServiceAccount team/digits-serving',
    ]);
    expect(JSON.stringify(objects)).toContain(options.image);
  });

  test('prints the pods of a job too, and says of a deployment that waits for its model that there is nothing yet', async () => {
    const terminal = scriptedTerminal(await readFile('examples/digits/train-and-serve.yaml', 'utf8'));
    await render(terminal, ['-'], options);
    const text = terminal.printed.join('\n');
    const objects = parseAllDocuments(text).flatMap((document) => (document.toJS() as KubeObject | null) ?? []);
    expect(objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
      'ServiceAccount digits-training',
      'ConfigMap digits-training-job',
      'NetworkPolicy digits-training',
      'Service digits-training',
      ...['ps-0', 'ps-1', 'worker-0', 'worker-1', 'worker-2'].map((role) => `Pod digits-${role}`),
    ]);
    expect(text).toMatch(/\n# ModelDeployment digits: nothing yet; the lineage digits has no accepted version yet/);
  });

  test('refuses a job that no cluster would run, naming the document', async () => {
    const yaml = (await readFile('examples/digits/train-and-serve.yaml', 'utf8')).replace('pvc://data', 'file:///data');
    await expect(render(scriptedTerminal(yaml), ['-'], options)).rejects.toThrow(
      /^standard input, document 1 \(line \d+\): spec\.train\.data\.uri file:/,
    );
  });

  test('refuses what a cluster would not serve, naming the document', async () => {
    const terminal = scriptedTerminal(deployment('file:///models/digits.onnx'));
    await expect(render(terminal, ['-'], options)).rejects.toThrow(/^standard input, document 1 \(line 1\): .*file/);
  });
});
