import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { ports } from '../../../runtime/contract.ts';
import { counting, grpcMessage, restCaller, startLoad } from '../../support/callers.ts';
import { grpcClient, grpcFailure, type GrpcClient } from '../../support/inference-client.ts';
import { loopModel } from '../../support/models.ts';
import { loopSpeed, residentMiB } from '../../support/serving-observation.ts';
import { startServingProcess, type ServingProcess } from '../../support/serving.ts';
import { percentile, Remarks, type CampaignOptions, type Outcome } from '../figures.ts';

const runMs = 10;
const queueMaxLength = 16;
const overload = 3;
/** A request may wait for everybody before it and for its own run; what is promised of that time. */
const tolerance = 1.2;
const recoveryMs = 2_000;

interface Answered {
  protocol: string;
  isRefused: boolean;
  ms: number;
}

/**
 * Three times as many requests as the model can run, sent at their times whether earlier ones were answered or not. Promises: the model goes on being used,
 * the others are refused at once and told when to come again, and it is over when the load is.
 */
export async function underOverload({ isShort, say }: CampaignOptions): Promise<Outcome> {
  const serving = startServingProcess({
    files: { 'model.onnx': loopModel() },
    settings: { queueMaxLength: String(queueMaxLength), logLevel: 'error' },
  });
  const agent = new Agent({ keepAlive: true });
  const grpc = grpcClient(serving.grpc);
  const remarks = new Remarks();
  try {
    await serving.ready();
    const trips = Math.round(((await loopSpeed(serving)) * runMs) / 1000);
    const capacity = await closedLoop(serving, 8, trips, isShort ? 1_500 : 10_000);
    const alone = await closedLoop(serving, 1, trips, 1_000);
    say(`capacity ${Math.round(capacity.perSecond)} requests/s; now ${overload} times as many`);
    const before = residentMiB(serving.process.pid);
    const seconds = isShort ? 2 : 60;
    const begin = performance.now();
    const { answers, lateMs } = await openLoop(capacity.perSecond * overload, seconds, (index) =>
      index % 2 === 0 ? askRest(serving, agent, trips, remarks) : askGrpc(grpc, trips, remarks),
    );
    const took = (performance.now() - begin) / 1000;
    const grown = residentMiB(serving.process.pid) - before;
    await sleep(recoveryMs);
    const after = await closedLoop(serving, 1, trips, 1_000);
    const accepted = answers.filter(({ isRefused }) => !isRefused);
    const refusals = (protocol: string): number[] =>
      answers.filter((answer) => answer.isRefused && answer.protocol === protocol).map(({ ms }) => ms);
    const refused = (protocol: string): Outcome['figures'] => {
      const times = refusals(protocol);
      return [
        { what: `refused over ${protocol} after, ms, p50`, measured: percentile(times, 0.5) },
        {
          what: `refused over ${protocol} after, ms, p99`,
          measured: percentile(times, 0.99),
          atMost: 10,
          isTimed: true,
        },
      ];
    };
    return {
      figures: [
        { what: 'capacity, requests/s', measured: capacity.perSecond },
        { what: 'sent later than due, ms, p99', measured: percentile(lateMs, 0.99) },
        {
          what: 'sent, as a multiple of it',
          measured: answers.length / took / capacity.perSecond,
          atLeast: 2.7,
          isTimed: true,
        },
        {
          what: 'goodput, share of it',
          measured: accepted.length / took / capacity.perSecond,
          atLeast: 0.9,
          isTimed: true,
        },
        {
          what: 'answered after, ms, p99',
          measured: percentile(
            accepted.map(({ ms }) => ms),
            0.99,
          ),
          atMost: ((queueMaxLength + 1) / capacity.perSecond) * 1000 * tolerance,
          isTimed: true,
        },
        { what: 'refused, requests', measured: answers.length - accepted.length, atLeast: 1 },
        ...refused('REST'),
        ...refused('gRPC'),
        { what: 'answers of another kind, or refusals without Retry-After', measured: remarks.count, atMost: 0 },
        {
          what: `p99 ${recoveryMs / 1000} s later, multiple of before`,
          measured: after.p99Ms / alone.p99Ms,
          atMost: 2,
          isTimed: true,
        },
        { what: 'growth of the answering process, MiB', measured: grown, atMost: 100 },
      ],
      remarks: remarks.list,
    };
  } finally {
    agent.destroy();
    grpc.close();
    await serving.stop();
  }
}

async function closedLoop(
  { host }: ServingProcess,
  clients: number,
  trips: number,
  milliseconds: number,
): Promise<{ perSecond: number; p99Ms: number }> {
  const times: number[] = [];
  const callers = Array.from({ length: clients }, () => {
    const caller = restCaller(`${host}:${ports.http}`, counting);
    const ask = async (n: number): Promise<number> => {
      const begin = performance.now();
      const answer = await caller.ask(n);
      times.push(performance.now() - begin);
      return answer;
    };
    return { ...caller, ask };
  });
  const load = startLoad(callers, counting, () => trips);
  const begin = performance.now();
  await sleep(milliseconds);
  const perSecond = (load.answered / (performance.now() - begin)) * 1000;
  await load.stop();
  return { perSecond, p99Ms: percentile(times, 0.99) };
}

/** Sends at a steady rate. Resolves when all are answered, with how late each was sent. */
async function openLoop(
  perSecond: number,
  seconds: number,
  send: (index: number) => Promise<Answered>,
): Promise<{ answers: Answered[]; lateMs: number[] }> {
  const [sent, lateMs]: [Promise<Answered>[], number[]] = [[], []];
  const begin = performance.now();
  for (let elapsed = 0; elapsed < seconds * 1000; elapsed = performance.now() - begin) {
    const dueMs = (sent.length / perSecond) * 1000;
    if (dueMs > elapsed) await sleep(1);
    else {
      lateMs.push(elapsed - dueMs);
      sent.push(send(sent.length));
    }
  }
  return { answers: await Promise.all(sent), lateMs };
}

function askRest({ host }: ServingProcess, agent: Agent, trips: number, remarks: Remarks): Promise<Answered> {
  const begin = performance.now();
  return new Promise((resolve) => {
    const path = '/v2/models/model/infer';
    const call = request({ host, port: ports.http, agent, method: 'POST', path }, (response) => {
      response.resume().on('end', () => {
        const { statusCode, headers } = response;
        const isRefused = statusCode === 429 && Number(headers['retry-after']) >= 1;
        if (!isRefused && statusCode !== 200) remarks.add(`REST answered ${statusCode} ${JSON.stringify(headers)}`);
        resolve({ protocol: 'REST', isRefused, ms: performance.now() - begin });
      });
    });
    call.on('error', (error) => {
      remarks.add(`REST: ${String(error)}`);
      resolve({ protocol: 'REST', isRefused: false, ms: performance.now() - begin });
    });
    call.end(JSON.stringify({ inputs: counting.inputs(trips) }));
  });
}

async function askGrpc(client: GrpcClient, trips: number, remarks: Remarks): Promise<Answered> {
  const begin = performance.now();
  const failure = await grpcFailure(client.infer(grpcMessage(counting, trips)));
  const pushbackMs = Number(failure?.metadata.get('grpc-retry-pushback-ms')[0]);
  const isRefused = failure?.code === 8 && pushbackMs >= 1_000;
  if (!isRefused && failure) remarks.add(`gRPC answered ${failure.code} ${failure.details}`);
  return { protocol: 'gRPC', isRefused, ms: performance.now() - begin };
}
