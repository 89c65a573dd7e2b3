import { setTimeout as sleep } from 'node:timers/promises';
import { adminPaths } from '../../../runtime/contract.ts';
import { counting, grpcMessage } from '../../support/callers.ts';
import { grpcClient, grpcFailure } from '../../support/inference-client.ts';
import { loopModel } from '../../support/models.ts';
import { loopSpeed, untilRunning } from '../../support/serving-observation.ts';
import { startServingProcess } from '../../support/serving.ts';
import { percentile, Remarks, type CampaignOptions, type Outcome } from '../figures.ts';

const deadlineMs = 500;

/** How late probes and deadlines are answered while the model is in a run of some seconds. */
export async function probes({ isShort }: CampaignOptions): Promise<Outcome> {
  const [rounds, runSeconds] = isShort ? [1, 2] : [4, 5];
  const serving = startServingProcess({ files: { 'model.onnx': loopModel() } });
  const grpc = grpcClient(serving.grpc);
  const remarks = new Remarks();
  try {
    await serving.ready();
    const infer = async (trips: number, headers: Record<string, string> = {}): Promise<number> => {
      const body = JSON.stringify({ inputs: counting.inputs(trips) });
      const response = await fetch(`${serving.url}/v2/models/model/infer`, { method: 'POST', body, headers });
      await response.arrayBuffer();
      return response.status;
    };
    const trips = Math.round((await loopSpeed(serving)) * runSeconds);
    // A deadline counts from the arrival of its request: connections are opened before.
    await Promise.all(Array.from({ length: 10 }, () => infer(1)));
    await grpc.call('ServerLive', {});
    const [probed, late]: [number[], number[]] = [[], []];
    const lateOver = {
      REST: async (): Promise<boolean> => (await infer(1, { 'request-timeout': String(deadlineMs / 1000) })) === 504,
      gRPC: async (): Promise<boolean> => {
        const parameters = { timeout: { int64_param: deadlineMs * 1000 } };
        return (await grpcFailure(grpc.infer({ ...grpcMessage(counting, 1), parameters })))?.code === 4;
      },
    };
    const askInVain = async (protocol: 'REST' | 'gRPC'): Promise<void> => {
      const begin = performance.now();
      if (await lateOver[protocol]()) late.push(performance.now() - begin - deadlineMs);
      else remarks.add(`no end at the deadline over ${protocol}`);
    };
    const probe = async (ask: () => Promise<boolean>): Promise<void> => {
      const begin = performance.now();
      if (!(await ask())) remarks.add('a probe failed while the model ran');
      probed.push(performance.now() - begin);
    };
    const paths = [
      `${serving.admin}${adminPaths.live}`,
      `${serving.admin}${adminPaths.ready}`,
      `${serving.url}/v2/health/ready`,
    ];
    for (let round = 0; round < rounds; round++) {
      const progress = { done: false };
      const slow = infer(trips).finally(() => (progress.done = true));
      await untilRunning(serving);
      const waiting: Promise<void>[] = [];
      for (let each = 0; each < 10; each++) {
        waiting.push(askInVain('REST'), askInVain('gRPC'));
        // Together they would measure how long a client takes to send them.
        await sleep(10);
      }
      while (!progress.done) {
        for (const path of paths) {
          await probe(async () => {
            const response = await fetch(path);
            await response.arrayBuffer();
            return response.status === 200;
          });
        }
        await probe(async () => (await grpc.call<{ ready: boolean }>('ServerReady', {})).ready);
        await sleep(5);
      }
      await Promise.all(waiting);
      if ((await slow) !== 200) remarks.add('the long run was not answered');
    }
    return {
      figures: [
        { what: `probes during runs of ${runSeconds} s`, measured: probed.length, atLeast: rounds * 20 },
        { what: 'answered after, ms, p50', measured: percentile(probed, 0.5) },
        { what: 'answered after, ms, p99', measured: percentile(probed, 0.99), atMost: 50, isTimed: true },
        { what: 'deadlines during those runs', measured: late.length, atLeast: rounds * 20 },
        { what: 'answered so long after the deadline, ms, p50', measured: percentile(late, 0.5) },
        {
          what: 'answered so long after the deadline, ms, longest',
          measured: percentile(late, 1),
          atMost: 50,
          isTimed: true,
        },
      ],
      remarks: remarks.list,
    };
  } finally {
    grpc.close();
    await serving.stop();
  }
}
