import type { Row } from './main.ts';
import { rawName, withServers, type Start } from './serving/field.ts';
import { echo, echoName, modelyard, oursName } from './serving/ours.ts';
import { payloads } from './serving/payloads.ts';
import { kserve, litserve, mlserver, torchserve } from './serving/peers.ts';
import { besideEcho, besideOne, besideSame, best, only } from './serving/rows.ts';
import type { Result } from './serving/turns.ts';
import { requireTools } from './tools.ts';

const batchSize = 8;
/** What a ModelDeployment has unless it says otherwise. */
const defaultBatchSize = 32;

const alone: readonly Start[] = [modelyard, kserve, mlserver, litserve, torchserve].map((start) => [start, 1]);
/** KServe's server leaves batches to a proxy beside it. */
const inBatches: readonly Start[] = [modelyard, mlserver, litserve, torchserve].map((start) => [start, batchSize]);

const isOurs = ({ server }: Pick<Result, 'server'>): boolean => server === oursName;
const isPeer = ({ server }: Result): boolean => ![oursName, rawName, echoName].includes(server);

/** P2 and P3. */
const tiny = (): Promise<Row[]> =>
  withServers(payloads.tiny, [...alone, [modelyard, defaultBatchSize], [echo, 1]], async ({ measure }) => {
    const rows: Row[] = [];
    for (const clients of [1, 8, 32]) {
      const what = `${payloads.tiny.name}, clients: ${clients}`;
      const all = await measure(clients, () => true);
      const [results, batched] = [1, defaultBatchSize].map((size) => all.filter(({ batch }) => batch === size));
      if (!results || !batched) throw new Error('nothing was measured');
      const echoes = results.filter(({ server }) => server === echoName);
      if (clients === 1) rows.push(...besideEcho(what, results, echoes, only(results, rawName)));
      rows.push(
        ...besideOne(what, results, only(results, rawName), rawName),
        ...besideSame(what, results, echoes),
        ...besideSame(what, results, results.filter(isPeer)),
        ...besideSame(`${what}, in batches as by default`, batched, results.filter(isPeer)),
      );
    }
    return rows;
  });

/** P4. */
const image = (): Promise<Row[]> =>
  withServers(payloads.image, alone, async ({ measure }) => {
    const what = `${payloads.image.name}, clients: 8`;
    const results = await measure(8, () => true);
    const peers = results.filter(isPeer);
    const first = best(peers);
    return [
      ...besideOne(what, results, only(results, rawName), rawName),
      ...besideOne(what, results, first, `the best of all peers: ${first.server}, ${first.protocol ?? ''}`),
      ...besideSame(what, results, peers),
    ];
  });

/** P1 and P5. */
const slow = (): Promise<Row[]> =>
  withServers(payloads.slow, [...alone, ...inBatches], async ({ measure }) => {
    const ofBatch = (results: readonly Result[], size: number): Result[] =>
      results.filter(({ batch }) => batch === size);
    const what = (clients: number): string => `${payloads.slow.name}, clients: ${clients}`;
    const results = await measure(8, () => true);
    const [single, batched] = [ofBatch(results, 1), ofBatch(results, batchSize)];
    const oneClient = await measure(1, isOurs);
    const without = `${oursName} without batches`;
    return [
      ...besideOne(what(8), single, only(single, rawName), rawName),
      ...besideSame(what(8), single, single.filter(isPeer)),
      ...besideSame(`${what(8)}, in batches`, batched, single.filter(isOurs), () => without),
      ...besideOne(`${what(8)}, in batches`, batched, only(batched, rawName), `${rawName} in batches`),
      ...besideSame(`${what(8)}, in batches`, batched, batched.filter(isPeer)),
      ...besideSame(`${what(1)}, in batches`, ofBatch(oneClient, batchSize), ofBatch(oneClient, 1), () => without),
    ];
  });

/** By the payload that they are measured with. */
const parts: Readonly<Record<string, () => Promise<Row[]>>> = { tiny, image, slow };

/**
 * One model each of three kinds, served by us and by the servers that people use, in turns on the same core.
 *
 * @param wanted names of `parts`; none: all
 */
export async function serving(wanted: readonly string[]): Promise<Row[]> {
  requireTools({ h2load: 'nghttp2-client', java: 'Java 11 or newer', python3: 'Python 3.11', taskset: 'util-linux' });
  const rows: Row[] = [];
  for (const name of wanted.length > 0 ? wanted : Object.keys(parts)) {
    const part = parts[name];
    if (!part) throw new Error(`serving has no part ${name}; its parts are ${Object.keys(parts).join(', ')}`);
    rows.push(...(await part()));
  }
  return rows;
}
