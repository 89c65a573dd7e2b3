import { createServer, type AddressInfo } from 'node:net';
import { hostileHosts } from '../../runtime/store/hostile-addresses.ts';
import { attempt, ways } from '../../runtime/store/hostile-ways.ts';
import { startServingProcess, until } from '../../support/serving.ts';
import { Remarks, type CampaignOptions, type Outcome } from '../figures.ts';

/**
 * Every form of a hostile host in every way to name one: as the host of a URI, as an endpoint, by a redirect, as the place where a token is had. In full also as
 * the model of a real serving process. Promise: nothing is connected to.
 */
export async function addresses({ isShort }: CampaignOptions): Promise<Outcome> {
  const remarks = new Remarks();
  let [tried, arrived, dialled] = [0, 0, 0];
  for (const way of ways) {
    const attempts = await attempt(way, hostileHosts);
    tried += attempts.tried;
    arrived += attempts.arrived;
    dialled += attempts.dialled.length;
    attempts.slips.forEach(remarks.add);
    if (attempts.dialled.length > 0)
      remarks.add(`${way.what}: connected to ${[...new Set(attempts.dialled)].join(', ')}`);
  }
  const served = isShort ? [] : hostileHosts;
  arrived += await serve(served, remarks);
  return {
    figures: [
      { what: 'forms of a hostile host', measured: new Set(hostileHosts).size, atLeast: 40 },
      { what: 'ways to name it', measured: ways.length, atLeast: 10 },
      { what: 'reads that were tried', measured: tried, atLeast: hostileHosts.length * ways.length },
      { what: 'of them in a serving process besides', measured: served.length },
      { what: 'connections that this process began', measured: dialled, atMost: 0 },
      { what: 'connections that arrived at 127.0.0.2', measured: arrived, atMost: 0 },
      { what: 'not refused for the address', measured: remarks.count, atMost: 0 },
    ],
    remarks: remarks.list,
  };
}

/** Serving processes whose model lies at each host. @returns how many connections arrived */
async function serve(hosts: readonly string[], remarks: Remarks): Promise<number> {
  let arrived = 0;
  const sink = createServer((socket) => {
    arrived += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => sink.listen(0, '127.0.0.2', resolve));
  const { port } = sink.address() as AddressInfo;
  try {
    for (const host of hosts) {
      const serving = startServingProcess({
        files: {},
        settings: {
          modelUri: `http://${host}:${port}/model.onnx`,
          storageAllowedCidrs: '127.0.0.1/32',
          logLevel: 'silent',
        },
      });
      try {
        await until(async () => (await serving.report().catch(() => undefined))?.model.fault !== undefined);
        const reason = (await serving.report()).model.fault?.reason;
        if (reason !== 'AddressNotAllowed') remarks.add(`a serving process on ${host} says ${reason}`);
      } finally {
        await serving.stop();
      }
    }
    return arrived;
  } finally {
    await new Promise((resolve) => sink.close(resolve));
  }
}
