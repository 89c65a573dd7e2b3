import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { load } from './h2load.ts';
import { rawLoop } from './ours.ts';
import type { Payload } from './payloads.ts';
import type { StartServer } from './peers.ts';
import type { Asked, Server } from './server.ts';
import { inTurns, type Contender, type Measurement, type Result } from './turns.ts';

/** A server, and how many requests its runs may hold. */
export type Start = readonly [StartServer, batch: number];

export const rawName = 'raw session.run';

/** Everything that one payload is measured on. */
export interface Field {
  /** All that are wanted, in turns, with this many clients each. */
  measure: (clients: number, wanted: (contender: Omit<Contender, 'measure'>) => boolean) => Promise<Result[]>;
}

/** Runs all servers of one payload at once, so that they can be measured in turns, and ends them after `work`. */
export async function withServers<T>(
  payload: Payload,
  starts: readonly Start[],
  work: (field: Field) => Promise<T>,
): Promise<T> {
  const root = mkdtempSync(join(tmpdir(), 'modelyard-bench-'));
  const servers: { server: Server; batch: number }[] = [];
  try {
    const model = join(root, 'model.onnx');
    writeFileSync(model, payload.model);
    for (const [start, batch] of starts) {
      const folder = join(root, String(servers.length));
      mkdirSync(folder);
      servers.push({ server: await start({ payload, model, folder, batch }), batch });
    }
    console.log(`${payload.name}: all servers answer`);
    const loops = [...new Set(starts.map(([, batch]) => batch))].map((batch): Contender => {
      const run: Contender['measure'] = (seconds) => rawLoop(payload, model, batch, seconds);
      return { server: rawName, protocol: undefined, batch, measure: run };
    });
    const asked = (clients: number): Contender[] =>
      servers.flatMap(({ server, batch }) =>
        server.asked.map((way) => ({
          server: server.name,
          protocol: way.request.protocol,
          batch,
          measure: (seconds) => measure(server, way, clients, seconds),
        })),
      );
    return await work({
      measure: async (clients, wanted) => {
        const results = await inTurns([...asked(clients), ...loops].filter(wanted));
        console.log(`${payload.name}, clients: ${clients}: measured`);
        return results;
      },
    });
  } finally {
    for (const { server } of servers) await server.stop();
    rmSync(root, { recursive: true });
  }
}

/** How often each client is answered at least, where answers are slow. */
const leastAnswers = 3;

async function measure(server: Server, way: Asked, clients: number, seconds: number): Promise<Measurement> {
  const { request, answerBytes, tookMs } = way;
  const forMs = Math.ceil(Math.max(seconds * 1_000, leastAnswers * clients * tookMs));
  const before = server.cpuMs();
  try {
    const found = await load(request, { clients, forMs, answerBytes });
    const usedUs = (server.cpuMs() - before) * 1_000;
    await settled(server);
    return { ...found, cpuUs: usedUs / ((found.requestsPerSecond * forMs) / 1_000) };
  } catch (error) {
    throw new Error(`${server.name}, ${request.protocol}, ${clients} clients: ${String(error)}`, { cause: error });
  }
}

/** Waits until a server has nothing left to do: many go on with requests whose client is gone, into the next one's round. */
async function settled(server: Server): Promise<void> {
  for (let tries = 0; tries < 50; tries++) {
    const before = server.cpuMs();
    await sleep(100);
    if (server.cpuMs() - before <= 10) return;
  }
  throw new Error('it is still at work 5 s after its last client left');
}
