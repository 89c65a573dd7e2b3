import { setTimeout as sleep } from 'node:timers/promises';
import { adminPaths, ports } from '../../../runtime/contract.ts';
import { counting, grpcCaller, restCaller, startLoad, streamCaller } from '../../support/callers.ts';
import { loopModel } from '../../support/models.ts';
import { seededRandom } from '../../support/random.ts';
import { startRelay } from '../../support/relay.ts';
import { loopSpeed } from '../../support/serving-observation.ts';
import { startServingProcess, until, type ServingProcess } from '../../support/serving.ts';
import { percentile, Remarks, type CampaignOptions, type Outcome } from '../figures.ts';

const drainDelayMs = 1_000;
const timeoutMs = 5_000;
/** For connections to move on, and for the process to end. */
const endMs = 1_500;
const slowRunMs = 200;

const start = (): ServingProcess =>
  startServingProcess({
    files: { 'model.onnx': loopModel() },
    settings: { drainDelayMs: String(drainDelayMs), timeoutMs: String(timeoutMs), logLevel: 'error' },
  });

/**
 * Pod after pod is told to stop at a moment that nobody chose, while clients that keep their connections ask it short and long things. Promises: all are
 * answered, and the pod ends with 0 within its grace period.
 */
export async function drain({ isShort, seed, say }: CampaignOptions): Promise<Outcome> {
  const random = seededRandom(seed);
  const remarks = new Remarks();
  let current = start();
  await current.ready();
  const slow = Math.round(((await loopSpeed(current)) * slowRunMs) / 1000);
  const [http, grpc] = await Promise.all([ports.http, ports.grpc].map((port) => startRelay([current.host], port)));
  if (!http || !grpc) throw new Error('there is no relay');
  const [restAddress, grpcAddress] = [`127.0.0.1:${http.port}`, `127.0.0.1:${grpc.port}`];
  const streams = Array.from({ length: 2 }, () => streamCaller(grpcAddress, counting));
  const load = startLoad(
    [
      ...Array.from({ length: 4 }, () => restCaller(restAddress, counting)),
      ...Array.from({ length: 3 }, () => grpcCaller(grpcAddress, counting)),
      ...streams,
    ],
    counting,
    (turn) => (turn % 20 === 0 ? slow : turn % 100),
  );
  const rounds = isShort ? 2 : 50;
  const [unreadyMs, endedMs]: [number[], number[]] = [[], []];
  let badExits = 0;
  try {
    for (let round = 1; round <= rounds; round++) {
      const fresh = start();
      await fresh.ready();
      await sleep(random.integer(1_000));
      const begin = performance.now();
      const stopped = current.stop().then((code) => {
        endedMs.push(performance.now() - begin);
        if (code === 0) return;
        badExits += 1;
        remarks.add(`a pod that was told to stop exited with ${code}`);
      });
      const { admin } = current;
      await until(async () => (await fetch(`${admin}${adminPaths.ready}`)).status === 503);
      unreadyMs.push(performance.now() - begin);
      // An endpoint is withdrawn some time after the pod was told to stop; until then new connections still come.
      await sleep(random.integer(drainDelayMs / 2));
      http.targets = [fresh.host];
      grpc.targets = [fresh.host];
      current = fresh;
      await stopped;
      if (round % 10 === 0) say(`${round} of ${rounds} pods stopped, ${load.answered} requests answered`);
    }
  } finally {
    await load.stop();
    await Promise.all([http.close(), grpc.close(), current.stop()]);
  }
  load.failures.forEach(remarks.add);
  return {
    figures: [
      { what: 'pods stopped under load', measured: rounds, atLeast: isShort ? 2 : 50 },
      { what: 'requests answered', measured: load.answered, atLeast: rounds * 50 },
      { what: 'requests failed', measured: load.failed, atMost: 0 },
      {
        what: 'requests of streams that were told to go elsewhere unread',
        measured: streams.reduce((sum, { moved }) => sum + moved, 0),
      },
      { what: 'exits with another code than 0', measured: badExits, atMost: 0 },
      { what: 'not ready after, ms, longest', measured: percentile(unreadyMs, 1), atMost: 1_000, isTimed: true },
      {
        what: 'ended after, ms, longest',
        measured: percentile(endedMs, 1),
        atMost: drainDelayMs + timeoutMs + endMs,
      },
    ],
    remarks: remarks.list,
  };
}
