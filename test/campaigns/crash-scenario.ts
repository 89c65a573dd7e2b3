import { setTimeout as delay } from 'node:timers/promises';
import type { ModelDeployment } from '../../operator/api/model-deployment.gen.ts';
import { modelDeploymentKind } from '../../operator/controllers/kinds.ts';
import type { HttpClient } from '../../operator/kube/http-client.ts';
import type { KubeObject } from '../../operator/kube/object.ts';
import type { ClusterTrace } from './cluster-trace.ts';

/** What a person does, one thing after the other, each once the one before has come true. */
export interface Act {
  client: HttpClient;
  trace: ClusterTrace;
  namespace: string;
  /** For one step. */
  patienceMs: number;
}

export class StuckError extends Error {
  readonly code = 'Stuck';
}

const { apiVersion, kind } = modelDeploymentKind;

async function until(act: Act, what: string, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + act.patienceMs;
  while (!holds()) {
    if (performance.now() > deadline) throw new StuckError(`not within ${act.patienceMs} ms: ${what}`);
    await delay(50);
  }
}

const owned = (act: Act, name: string): KubeObject[] =>
  act.trace
    .objects(act.namespace)
    .filter(({ metadata }) => metadata.name === name || metadata.name.startsWith(`${name}-`));

function isServing(act: Act, name: string, generation: number, replicas: number): boolean {
  const found = owned(act, name).find((object) => object.kind === kind) as ModelDeployment | undefined;
  const status = found?.status;
  return (
    status?.observedGeneration === generation &&
    status.replicas === replicas &&
    status.readyReplicas === replicas &&
    status.model?.digest !== undefined &&
    status.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') === true
  );
}

async function apply(act: Act, name: string, replicas: number, file: string): Promise<void> {
  const { generation = 0 } = (
    await act.client.apply({
      apiVersion,
      kind,
      metadata: { name, namespace: act.namespace },
      spec: { model: { uri: `s3://models/${file}` }, replicas },
    })
  ).metadata;
  await until(act, `${name} serves ${file} with ${replicas} replicas`, () =>
    isServing(act, name, generation, replicas),
  );
}

async function remove(act: Act, name: string): Promise<void> {
  await act.client.remove({ apiVersion, kind, name, namespace: act.namespace });
  await until(act, `${name} is gone`, () => owned(act, name).length === 0);
}

/** Creates, scales, changes and deletes ModelDeployments. */
export async function crashScenario(act: Act): Promise<void> {
  await apply(act, 'kept', 2, 'first.onnx');
  await apply(act, 'kept', 3, 'first.onnx');
  await apply(act, 'kept', 1, 'first.onnx');
  await apply(act, 'kept', 1, 'second.onnx');
  await apply(act, 'deleted', 2, 'first.onnx');
  await remove(act, 'deleted');
}
