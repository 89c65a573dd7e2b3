import { stringify } from 'yaml';
import type { ModelDeployment } from '../../operator/api/model-deployment.gen.ts';
import { modelDeploymentKind } from '../../operator/controllers/kinds.ts';
import { clusterUrl } from '../../operator/controllers/model-deployment.ts';
import { render as renderServing } from '../../operator/core/serving/render.ts';
import { CliError } from '../errors.ts';
import { readValid } from '../documents.ts';
import type { Terminal } from '../terminal.ts';

export interface RenderOptions {
  /** The runtime's image. */
  image: string;
  operatorNamespace: string;
}

/** Prints the objects that the operator would apply on a cluster. @throws CliError BadFile, InvalidObject */
export async function render(terminal: Terminal, files: string[], options: RenderOptions): Promise<void> {
  const texts: string[] = [];
  for (const { where, object } of await readValid(files, terminal.stdin)) {
    if (object.kind !== modelDeploymentKind.kind) continue;
    const observed = {
      owner: object as ModelDeployment,
      children: [],
      pods: [],
      reports: new Map(),
      jobs: [],
      refusals: [],
    };
    const inputs = { storageAllowedCidrs: [], logLevel: 'info', allowFileUris: false, url: clusterUrl };
    const plan = renderServing(observed, { ...inputs, ...options, now: terminal.now() });
    const [stalled] = plan.status.conditions?.filter(({ type }) => type === 'Stalled') ?? [];
    if (stalled !== undefined) throw new CliError('InvalidObject', `${where}: ${stalled.message}`);
    texts.push(...plan.apply.map((child) => stringify(child)));
  }
  terminal.print(texts.join('---\n').trimEnd());
}
