import type { ModelDeployment } from '../../operator/api/model-deployment.gen.ts';
import { modelDeploymentKind } from '../../operator/controllers/kinds.ts';
import { type Act, owned, until } from './act.ts';
import { trainingScenario } from './training-scenario.ts';

const { apiVersion, kind } = modelDeploymentKind;

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

/** Creates, scales, changes and deletes ModelDeployments, and trains a model that one serves. */
export async function crashScenario(act: Act): Promise<void> {
  await apply(act, 'kept', 2, 'first.onnx');
  await apply(act, 'kept', 3, 'first.onnx');
  await apply(act, 'kept', 1, 'first.onnx');
  await apply(act, 'kept', 1, 'second.onnx');
  await apply(act, 'deleted', 2, 'first.onnx');
  await remove(act, 'deleted');
  await trainingScenario(act);
}
