import { setTimeout as sleep } from 'node:timers/promises';
import { ports } from '../../../runtime/contract.ts';
import { adding, grpcCaller, restCaller, startLoad, streamCaller } from '../../support/callers.ts';
import { sumAndDifferenceModel } from '../../support/models.ts';
import { modelProcess, residentMiB } from '../../support/serving-observation.ts';
import { startServingProcess, type ServingProcess } from '../../support/serving.ts';
import { Remarks, type CampaignOptions, type Outcome } from '../figures.ts';

/** Until caches and heaps have the size that they have from then on. */
const warmUpShare = 0.1;

/** Many requests, then many loads and unloads of the model. Promise: memory does not grow with them. */
export async function endurance({ isShort, say }: CampaignOptions): Promise<Outcome> {
  const [requests, cycles] = isShort ? [5_000, 5] : [1_000_000, 1_000];
  const serving = startServingProcess({
    files: { 'model.onnx': sumAndDifferenceModel() },
    settings: { modelControl: 'Explicit', logLevel: 'error' },
  });
  const remarks = new Remarks();
  try {
    await serving.ready();
    const rest = `${serving.host}:${ports.http}`;
    const load = startLoad(
      [
        ...Array.from({ length: 8 }, () => restCaller(rest, adding)),
        ...Array.from({ length: 4 }, () => grpcCaller(serving.grpc, adding)),
        ...Array.from({ length: 4 }, () => streamCaller(serving.grpc, adding)),
      ],
      adding,
      (turn) => turn % 1_000,
    );
    const reach = async (count: number): Promise<void> => {
      while (load.answered < count) {
        const { exitCode, signalCode } = serving.process;
        const end = exitCode ?? signalCode;
        if (end !== null) throw new Error(`the server ended with ${end} after ${load.answered} requests`);
        await sleep(20);
      }
    };
    let early: Memory;
    try {
      await reach(requests * warmUpShare);
      early = memory(serving);
      for (let part = 2; part <= 10; part++) {
        await reach((requests * part) / 10);
        const now = memory(serving);
        say(`${load.answered} requests: ${Math.round(now.front)} MiB, and ${Math.round(now.model)} MiB of the model`);
      }
    } finally {
      await load.stop();
    }
    const late = memory(serving);
    load.failures.forEach(remarks.add);

    const change = async (what: 'load' | 'unload'): Promise<void> => {
      const url = `${serving.url}/v2/repository/models/model/${what}`;
      const response = await fetch(url, { method: 'POST', body: '{}' });
      const text = await response.text();
      if (response.status !== 200) remarks.add(`${what} got ${response.status} ${text}`);
    };
    let cyclesDone = 0;
    let [earlyCycles, lateCycles] = [memory(serving), memory(serving)];
    const client = restCaller(rest, adding);
    for (; cyclesDone < cycles; cyclesDone++) {
      await change('unload');
      await change('load');
      if ((await client.ask(cyclesDone)) !== adding.answer(cyclesDone)) remarks.add('a wrong answer after a load');
      lateCycles = memory(serving);
      if (cyclesDone === Math.floor(cycles * warmUpShare)) earlyCycles = lateCycles;
      if (cyclesDone % 100 === 99) say(`${cyclesDone + 1} loads: ${Math.round(lateCycles.front)} MiB`);
    }
    client.close();
    return {
      figures: [
        { what: 'requests answered', measured: load.answered, atLeast: requests },
        { what: 'requests failed', measured: load.failed, atMost: 0 },
        { what: 'growth of the answering process, MiB', measured: late.front - early.front, atMost: 100 },
        { what: 'growth of the model process, MiB', measured: late.model - early.model, atMost: 100 },
        { what: 'unloaded and loaded again', measured: cyclesDone, atLeast: cycles },
        { what: 'growth of the answering process, MiB', measured: lateCycles.front - earlyCycles.front, atMost: 100 },
        {
          what: 'model process beside that after the first, MiB',
          measured: lateCycles.model - earlyCycles.model,
          atMost: 100,
        },
      ],
      remarks: remarks.list,
    };
  } finally {
    await serving.stop();
  }
}

/** MiB of each process. */
interface Memory {
  front: number;
  model: number;
}

const memory = (serving: ServingProcess): Memory => ({
  front: residentMiB(serving.process.pid),
  model: residentMiB(modelProcess(serving)),
});
