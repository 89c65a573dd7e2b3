import { Agent, request } from 'node:http';
import { Client, credentials } from '@grpc/grpc-js';
import { ports } from '../../../runtime/contract.ts';
import { grpcFailure } from '../../support/inference-client.ts';
import { onnxModel, type Value } from '../../support/onnx-builder.ts';
import { seededRandom, type Random } from '../../support/random.ts';
import { modelProcess, residentMiB } from '../../support/serving-observation.ts';
import { startServingProcess } from '../../support/serving.ts';
import { Remarks, type CampaignOptions, type Outcome } from '../figures.ts';
import { malformedGrpc } from './malformed-grpc.ts';
import { malformedRest, wellFormed } from './malformed-rest.ts';
import { sendBytes } from './malformed-sockets.ts';

/** Statuses that a malformed request may have; a mutation may also leave it well-formed, or with a tiny timeout. */
const restStatuses = new Set([200, 400, 403, 404, 405, 413, 414, 415, 431, 504]);
/** OK, INVALID_ARGUMENT, DEADLINE_EXCEEDED, NOT_FOUND, PERMISSION_DENIED, RESOURCE_EXHAUSTED (too large), UNIMPLEMENTED. */
const grpcCodes = new Set([0, 3, 4, 5, 7, 8, 12]);
/** What an error must not tell: stacks, paths of the machine, names of our source. */
export const internals = /\bat \w+ \(|node_modules|file:\/\/|\.ts\b|\/(?:tmp|home|root|app|usr|proc)\//;

const atOnce = 16;

/**
 * Malformed requests over REST, gRPC and bare connections, to a real serving process. Promises: it lives on, as does its model; each answer is one that such a
 * request may have, and tells nothing of the machine.
 */
export async function malformedRequests({ isShort, seed, say }: CampaignOptions): Promise<Outcome> {
  const count = isShort ? 4_000 : 1_000_000;
  const random = seededRandom(seed);
  const serving = startServingProcess({ files: { 'model.onnx': model() } });
  const remarks = new Remarks();
  const sent = { rest: 0, grpc: 0, sockets: 0 };
  const answers = new Map<string, number>();
  const tally = (status: string): void => void answers.set(status, (answers.get(status) ?? 0) + 1);
  const rest = restSender(serving.host, remarks, tally);
  const grpc = grpcSender(serving.grpc, remarks, tally);
  try {
    await serving.ready();
    const child = modelProcess(serving);
    let [next, middleMiB] = [0, 0];
    const worker = async (): Promise<void> => {
      while (next < count && serving.process.exitCode === null) {
        const index = next++;
        if (index === Math.floor(count / 2)) middleMiB = residentMiB(serving.process.pid);
        if (index > 0 && index % 100_000 === 0) say(`${index} sent, ${remarks.count} promises broken`);
        const kind = random.integer(100);
        if (kind < 50) await rest.send(random);
        else if (kind < 92) await grpc.send(random);
        else {
          const answer = await sendBytes(serving.host, random);
          if (internals.test(answer)) remarks.add(`a bare connection was told ${answer}`);
        }
        sent[kind < 50 ? 'rest' : kind < 92 ? 'grpc' : 'sockets'] += 1;
      }
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
    const exits = serving.process.exitCode === null && serving.process.signalCode === null ? 0 : 1;
    const grown = exits === 0 ? residentMiB(serving.process.pid) - middleMiB : NaN;
    const isSameModel = exits === 0 && modelProcess(serving) === child;
    const last = await rest.post('/v2/models/model/infer', {}, wellFormed).catch(String);
    if (typeof last === 'string' || last.status !== 200) remarks.add(`a good request got ${JSON.stringify(last)}`);
    return {
      figures: [
        { what: 'malformed requests over REST', measured: sent.rest, atLeast: count * 0.4 },
        { what: 'malformed requests over gRPC', measured: sent.grpc, atLeast: count * 0.3 },
        { what: 'malformed bytes on bare connections', measured: sent.sockets, atLeast: count * 0.05 },
        ...[...answers].toSorted().map(([status, measured]) => ({ what: `answered ${status}`, measured })),
        { what: 'exits of the answering process', measured: exits, atMost: 0 },
        { what: 'model processes lost', measured: isSameModel ? 0 : 1, atMost: 0 },
        { what: 'answers of another kind, or that tell of the machine', measured: remarks.count, atMost: 0 },
        { what: 'growth of the answering process from the middle on, MiB', measured: grown, atMost: 100 },
      ],
      remarks: remarks.list,
    };
  } finally {
    rest.close();
    grpc.close();
    await serving.stop();
  }
}

/** Inputs of many kinds: numbers FLOAT [n, 2], ids INT64 [n], words STRING [n]. */
function model(): Uint8Array {
  const values = (suffix: string): Value[] => [
    { name: `numbers${suffix}`, type: 'FLOAT', shape: ['n', 2] },
    { name: `ids${suffix}`, type: 'INT64', shape: ['n'] },
    { name: `words${suffix}`, type: 'STRING', shape: ['n'] },
  ];
  return onnxModel({
    nodes: ['numbers', 'ids', 'words'].map((name) => ({ op: 'Identity', inputs: [name], outputs: [`${name}_out`] })),
    inputs: values(''),
    outputs: values('_out'),
  });
}

interface RestAnswer {
  status: number;
  type: string;
  body: string;
}

function restSender(host: string, remarks: Remarks, tally: (status: string) => void) {
  const agent = new Agent({ keepAlive: true, maxSockets: atOnce });
  const post = (path: string, headers: Record<string, string>, body: Buffer): Promise<RestAnswer> =>
    new Promise((resolve, reject) => {
      const call = request({ host, port: ports.http, agent, method: 'POST', path, headers }, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('error', reject);
        response.on('end', () => {
          const type = response.headers['content-type'] ?? '';
          resolve({ status: response.statusCode ?? 0, type, body: Buffer.concat(parts).toString() });
        });
      });
      call.on('error', reject);
      call.end(body);
    });
  const send = async (random: Random): Promise<void> => {
    const { path, headers, body } = malformedRest(random);
    try {
      const { status, body: text } = await post(path, headers, body);
      tally(`${status}`);
      if (!restStatuses.has(status)) remarks.add(`${path} got ${status}: ${text}`);
      if (status !== 200 && !isError(text)) remarks.add(`${path} got ${status} with the body ${text}`);
      if (internals.test(text)) remarks.add(`${path} told ${text}`);
    } catch (error) {
      remarks.add(`${path} got no answer: ${String(error)}`);
    }
  };
  return { send, post, close: () => agent.destroy() };
}

function isError(text: string): boolean {
  try {
    const { error, ...rest } = JSON.parse(text) as Record<string, unknown>;
    return typeof error === 'string' && Object.keys(rest).length === 0;
  } catch {
    return false;
  }
}

function grpcSender(address: string, remarks: Remarks, tally: (status: string) => void) {
  const client = new Client(address, credentials.createInsecure());
  const bytes = (message: Buffer): Buffer => message;
  const send = async (random: Random): Promise<void> => {
    const { path, message } = malformedGrpc(random);
    const call = new Promise((resolve, reject) => {
      client.makeUnaryRequest(path, bytes, bytes, message, (error) => (error ? reject(error) : resolve(undefined)));
    });
    const { code = 0, details = '' } = (await grpcFailure(call)) ?? {};
    tally(`gRPC ${code}`);
    if (!grpcCodes.has(code)) remarks.add(`${path} got ${code}: ${details}`);
    if (internals.test(details)) remarks.add(`${path} told ${details}`);
  };
  return { send, close: () => client.close() };
}
