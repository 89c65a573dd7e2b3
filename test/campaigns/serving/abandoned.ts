import { Agent, request, type ClientRequest } from 'node:http';
import type { CallOptions, ClientDuplexStream } from '@grpc/grpc-js';
import { ports } from '../../../runtime/contract.ts';
import { counting, grpcMessage } from '../../support/callers.ts';
import { grpcClient, type GrpcClient } from '../../support/inference-client.ts';
import { loopModel } from '../../support/models.ts';
import { startRelay } from '../../support/relay.ts';
import { loopSpeed, runs, untilQueued, untilRunning } from '../../support/serving-observation.ts';
import { startServingProcess, type ServingProcess } from '../../support/serving.ts';
import { Remarks, type CampaignOptions, type Outcome } from '../figures.ts';

const waiting = 60;
const runSeconds = 2;
const deadlineMs = 1_000;

/** So many clients ask. The function has them leave. */
type Crowd = (count: number) => Promise<() => void>;

/** Clients of each kind leave while their requests wait behind a long run. Promise: none of them costs a run. */
export async function abandoned({ isShort }: CampaignOptions): Promise<Outcome> {
  const rounds = isShort ? 1 : 20;
  const serving = startServingProcess({
    files: { 'model.onnx': loopModel() },
    settings: { queueMaxLength: String(waiting), logLevel: 'error' },
  });
  const remarks = new Remarks();
  const agent = new Agent({ keepAlive: true });
  const client = grpcClient(serving.grpc);
  try {
    await serving.ready();
    const trips = Math.round((await loopSpeed(serving)) * runSeconds);
    const crowds: Record<string, Crowd> = {
      'REST, the connection is cut': (count) => {
        const calls = Array.from({ length: count }, () => ask(serving, agent, 1));
        return Promise.resolve(() => calls.forEach((call) => call.destroy()));
      },
      'gRPC, the call is cancelled': (count) => {
        const streams = Array.from({ length: count }, () => streamOf(client));
        return Promise.resolve(() => streams.forEach((stream) => stream.cancel()));
      },
      'gRPC, the deadline passes': (count) => {
        const deadline = Date.now() + deadlineMs;
        for (let each = 0; each < count; each++) send(client, { deadline });
        return Promise.resolve(() => undefined);
      },
      'gRPC, the connection is cut': async (count) => {
        const relay = await startRelay([serving.host], ports.grpc);
        const own = grpcClient(`127.0.0.1:${relay.port}`);
        for (let each = 0; each < count; each++) send(own);
        return () => {
          own.close();
          void relay.close();
        };
      },
    };
    const figures: Outcome['figures'] = [];
    for (const [kind, crowd] of Object.entries(crowds)) {
      const before = await runs(serving);
      let left = 0;
      for (let round = 0; round < rounds; round++) {
        const slow = answered(ask(serving, agent, trips));
        await untilRunning(serving);
        const leave = await crowd(waiting);
        await untilQueued(serving, waiting);
        leave();
        await untilQueued(serving, 0);
        left += waiting;
        if ((await slow) !== 200) remarks.add(`${kind}: the run that went on meanwhile was not answered`);
      }
      const cost = (await runs(serving)) - before - rounds;
      figures.push({ what: `${kind}: clients that left`, measured: left, atLeast: rounds * waiting });
      figures.push({ what: `${kind}: runs for them`, measured: cost, atMost: 0, atLeast: 0 });
    }
    return { figures, remarks: remarks.list };
  } finally {
    agent.destroy();
    client.close();
    await serving.stop();
  }
}

function ask({ host }: ServingProcess, agent: Agent, trips: number): ClientRequest {
  const call = request({ host, port: ports.http, agent, method: 'POST', path: '/v2/models/model/infer' });
  call.on('error', () => undefined).end(JSON.stringify({ inputs: counting.inputs(trips) }));
  return call;
}

const answered = (call: ClientRequest): Promise<number> =>
  new Promise((resolve) => {
    call.once('response', (response) => response.resume().on('end', () => resolve(response.statusCode ?? 0)));
    call.once('error', () => resolve(0));
  });

const send = (client: GrpcClient, options: CallOptions = {}): void =>
  void client.infer(grpcMessage(counting, 1), options).catch(() => undefined);

function streamOf(client: GrpcClient): ClientDuplexStream<object, object> {
  const stream = client.stream('ModelStreamInfer');
  stream.on('error', () => undefined).write(grpcMessage(counting, 1));
  return stream;
}
