import { counting, grpcCaller, restCaller } from '../../support/callers.ts';
import { ports } from '../../../runtime/contract.ts';
import { loopModel } from '../../support/models.ts';
import { killModel, loopSpeed, modelProcess, untilQueued, untilRunning } from '../../support/serving-observation.ts';
import { startServingProcess, until } from '../../support/serving.ts';
import { Remarks, type CampaignOptions, type Outcome } from '../figures.ts';

const waiting = 10;
/** A third within a minute, and the model counts as one that keeps crashing. */
const crashesOfOneServer = 2;

const signals = ['SIGSEGV', 'SIGABRT', 'SIGBUS', 'SIGILL', 'SIGKILL'] as const;

/**
 * The model process gets the signals that a fault of native code ends in, in the middle of a run. Promise: that costs the request of this run, which is
 * told so; those that waited are answered by the next process, and the process that answers lives on.
 */
export async function crashes({ isShort }: CampaignOptions): Promise<Outcome> {
  const remarks = new Remarks();
  const counts = { crashes: 0, lost: 0, answered: 0, frontExits: 0 };
  const rounds = isShort ? 1 : 5;
  for (const signal of isShort ? signals.slice(0, 1) : signals) {
    for (let round = 0; round < rounds; round++) await crashOneServer(signal, counts, remarks);
  }
  const expected = (isShort ? 1 : signals.length) * rounds * crashesOfOneServer;
  return {
    figures: [
      { what: 'crashes of a model process in a run', measured: counts.crashes, atLeast: expected, atMost: expected },
      { what: 'requests lost, each that of the run', measured: counts.lost, atLeast: expected, atMost: expected },
      {
        what: 'requests that waited and were answered',
        measured: counts.answered,
        atLeast: expected * waiting,
        atMost: expected * waiting,
      },
      { what: 'exits of the answering process', measured: counts.frontExits, atMost: 0 },
    ],
    remarks: remarks.list,
  };
}

async function crashOneServer(
  signal: NodeJS.Signals,
  counts: { crashes: number; lost: number; answered: number; frontExits: number },
  remarks: Remarks,
): Promise<void> {
  const serving = startServingProcess({ files: { 'model.onnx': loopModel() }, settings: { logLevel: 'silent' } });
  const clients = Array.from({ length: waiting + 1 }, (_, index) =>
    index % 2 === 0 ? restCaller(`${serving.host}:${ports.http}`, counting) : grpcCaller(serving.grpc, counting),
  );
  try {
    await serving.ready();
    const long = Math.round((await loopSpeed(serving)) * 10);
    for (let crash = 0; crash < crashesOfOneServer; crash++) {
      const [victim, ...others] = crash % 2 === 0 ? clients : clients.toReversed();
      const lost = victim?.ask(long).then(
        () => 'answered',
        (error: unknown) => String(error),
      );
      await untilRunning(serving);
      const answers = others.map((client, n) => client.ask(n).then((answer) => answer === n, remarks.add));
      await untilQueued(serving, waiting);
      killModel(serving, signal);
      const told = (await lost) ?? '';
      counts.answered += (await Promise.all(answers)).filter((isRight) => isRight === true).length;
      counts.crashes += 1;
      if (/^Error: (?:503|14 UNAVAILABLE): .*the model process died/.test(told)) counts.lost += 1;
      else remarks.add(`${signal}: the request that was run got ${told}`);
      await until(() => modelProcess(serving) !== undefined);
      await serving.ready();
    }
    if (serving.process.exitCode !== null || serving.process.signalCode !== null) counts.frontExits += 1;
  } finally {
    for (const client of clients) client.close();
    if ((await serving.stop()) !== 0) counts.frontExits += 1;
  }
}
