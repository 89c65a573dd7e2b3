import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Session } from '../../../cli/local/session.ts';
import { podKind } from '../../../cli/local/workloads.ts';
import { createLog } from '../../../lib/log.ts';
import type { ModelDeployment } from '../../../operator/api/model-deployment.gen.ts';
import { modelDeploymentKind } from '../../../operator/controllers/kinds.ts';
import type { KubeObject } from '../../../operator/kube/object.ts';
import { adding, grpcCaller, restCaller, startLoad } from '../../support/callers.ts';
import { sumAndDifferenceModel } from '../../support/models.ts';
import { until } from '../../support/serving.ts';
import { Remarks, type CampaignOptions, type Outcome } from '../figures.ts';

const updateMs = 180_000;
const { apiVersion, kind } = modelDeploymentKind;
const identity = { name: 'model', namespace: 'default' };

/** Every other update brings another model, the ones between another setting. */
const deployment = (update: number): KubeObject => ({
  apiVersion,
  kind,
  metadata: identity,
  spec: {
    model: { uri: `pvc://models/${Math.floor(update / 2) % 2 === 0 ? 'first' : 'second'}/` },
    serving: { timeout: `${20 + (update % 2)}s` },
    replicas: 2,
  },
});

/** The same graph in other bytes: a ModelProto whose producer_name is set. */
const named = (model: Uint8Array, producer: string): Uint8Array =>
  Buffer.concat([model, Buffer.from([0x12, producer.length]), Buffer.from(producer)]);

/**
 * Updates a ModelDeployment of two replicas on the laptop, by the operator that runs on clusters, while REST and gRPC clients keep their connections
 * through its Service. Promise: no request fails.
 */
export async function rollingUpdates({ isShort, seed, say }: CampaignOptions): Promise<Outcome> {
  const [updates, requests] = isShort ? [1, 1_000] : [10, 100_000];
  const folder = await mkdtemp(join(tmpdir(), 'modelyard-updates-'));
  for (const version of ['first', 'second']) {
    const model = join(folder, 'volumes', 'models', version);
    await mkdir(model, { recursive: true });
    await writeFile(join(model, 'model.onnx'), named(sumAndDifferenceModel(), version));
  }
  const session = await Session.start({
    folder,
    appFolder: join(import.meta.dirname, '..', '..', '..'),
    env: process.env,
    seed: process.pid + seed,
    wholeLoopback: process.platform === 'linux',
    log: createLog('operator', 'error'),
    onLine: () => undefined,
  });
  const remarks = new Remarks();
  const uids = (): (string | undefined)[] => session.cluster.all(podKind).map(({ metadata }) => metadata.uid);
  const untilUpdated = async (before: (string | undefined)[]): Promise<void> => {
    await until(() => {
      const { status, metadata } = session.cluster.get({ apiVersion, kind, ...identity }) as ModelDeployment;
      const isReady = status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True');
      const isNew = !uids().some((uid) => before.includes(uid));
      return status?.observedGeneration === metadata.generation && isReady === true && isNew;
    }, updateMs);
  };
  try {
    await session.apply(deployment(0));
    await untilUpdated([]);
    const { http, grpc } = await session.endpoint(identity.namespace, identity.name);
    const each = Array.from({ length: 4 });
    const load = startLoad(
      [...each.map(() => restCaller(http, adding)), ...each.map(() => grpcCaller(grpc, adding))],
      adding,
      (turn) => turn % 1_000,
    );
    let done = 0;
    try {
      for (; done < updates; done++) {
        const before = uids();
        await session.apply(deployment(done + 1));
        await untilUpdated(before);
        say(`update ${done + 1} of ${updates}: ${load.answered} requests answered, ${load.failed} failed`);
      }
      while (load.answered < requests) await sleep(100);
    } finally {
      await load.stop();
    }
    load.failures.forEach(remarks.add);
    return {
      figures: [
        { what: 'rolling updates of two pods', measured: done, atLeast: updates },
        { what: 'requests answered', measured: load.answered, atLeast: requests },
        { what: 'requests failed', measured: load.failed, atMost: 0 },
      ],
      remarks: remarks.list,
    };
  } finally {
    await session.stop();
    await rm(folder, { recursive: true, force: true });
  }
}
