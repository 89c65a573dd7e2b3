import { stringify } from 'yaml';
import type { ModelDeployment } from '../../operator/api/model-deployment.gen.ts';
import type { TrainingJob } from '../../operator/api/training-job.gen.ts';
import { modelDeploymentKind, trainingJobKind } from '../../operator/controllers/kinds.ts';
import { clusterUrl } from '../../operator/controllers/model-deployment.ts';
import type { Plan } from '../../operator/core/plan.ts';
import { render as renderServing } from '../../operator/core/serving/render.ts';
import { render as renderTraining } from '../../operator/core/training/render.ts';
import type { KubeObject } from '../../operator/kube/object.ts';
import { CliError } from '../errors.ts';
import { readValid } from '../documents.ts';
import type { Terminal } from '../terminal.ts';

export interface RenderOptions {
  /** The runtime's image. */
  image: string;
  operatorNamespace: string;
}

interface Condition {
  type: string;
  message: string;
}

/** What the operator does about an object that nothing was done about yet; undefined for kinds that it leaves alone. */
function planFor(
  object: KubeObject,
  options: RenderOptions,
  now: Date,
): Plan<{ conditions?: Condition[] }> | undefined {
  const nothing = { children: [], pods: [], reports: new Map(), refusals: [] };
  const inputs = { storageAllowedCidrs: [], logLevel: 'info', allowFileUris: false, ...options, now };
  if (object.kind === modelDeploymentKind.kind)
    return renderServing({ ...nothing, owner: object as ModelDeployment, jobs: [] }, { ...inputs, url: clusterUrl });
  if (object.kind === trainingJobKind.kind) {
    const unseen = {
      lastSeen: new Map(),
      dismissed: new Set<string>(),
      unheard: new Set<string>(),
      lastWords: new Map(),
      farewell: undefined,
    };
    return renderTraining({ ...nothing, ...unseen, owner: object as TrainingJob }, { ...inputs, begun: now });
  }
  return undefined;
}

/** Prints the objects that the operator would apply and create on a cluster. @throws CliError BadFile, InvalidObject */
export async function render(terminal: Terminal, files: string[], options: RenderOptions): Promise<void> {
  const texts: string[] = [];
  for (const { where, object } of await readValid(files, terminal.stdin)) {
    const plan = planFor(object, options, terminal.now());
    if (plan === undefined) continue;
    const { conditions = [] } = plan.status;
    const stalled = conditions.find(({ type }) => type === 'Stalled');
    if (stalled !== undefined) throw new CliError('InvalidObject', `${where}: ${stalled.message}`);
    const objects = [...plan.apply, ...(plan.create ?? [])];
    const why = conditions.find(({ type }) => type === 'Ready')?.message ?? '';
    if (objects.length === 0) texts.push(`# ${object.kind} ${object.metadata.name}: nothing yet; ${why}\n`);
    texts.push(...objects.map((child) => stringify(child)));
  }
  terminal.print(texts.join('---\n').trimEnd());
}
