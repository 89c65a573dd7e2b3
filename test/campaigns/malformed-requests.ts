import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { readFileSync } from 'node:fs';
import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import { ports } from '../../runtime/contract.ts';
import { onnxModel } from '../support/onnx-builder.ts';
import { seededRandom, type Random } from '../support/random.ts';
import { startServingProcess, type ServingProcess } from '../support/serving.ts';
import { wireRequest } from '../support/wire-request.ts';

/** Sends malformed requests to a real serving process, over REST, gRPC and bare sockets, and watches what they cost it. */
export interface Outcome {
  sent: { rest: number; grpc: number; sockets: number };
  /** Answers by status. */
  answers: Record<string, number>;
  /** What broke a promise; at most 20 are kept. */
  violations: string[];
  /** Growth of the answering process from the middle to the end, in MiB. */
  grownMiB: number;
}

/** Statuses that a malformed request may have; a mutation may also leave it well-formed, or with a tiny timeout. */
const restStatuses = new Set([200, 400, 404, 405, 413, 414, 415, 431, 504]);
/** OK, INVALID_ARGUMENT, DEADLINE_EXCEEDED, NOT_FOUND, RESOURCE_EXHAUSTED (too large), UNIMPLEMENTED. */
const grpcCodes = new Set([0, 3, 4, 5, 8, 12]);
/** What an error must not tell: stacks, paths of the machine, names of our source. */
const internals = /\bat \w+ \(|node_modules|file:\/\/|\.ts\b|\/(?:tmp|home|root|app|usr|proc)\//;

export async function malformedRequests({ count, seed }: { count: number; seed: number }): Promise<Outcome> {
  const random = seededRandom(seed);
  const serving = startServingProcess({ files: { 'model.onnx': model() } });
  const outcome: Outcome = { sent: { rest: 0, grpc: 0, sockets: 0 }, answers: {}, violations: [], grownMiB: 0 };
  const fail = (what: string): void => {
    if (outcome.violations.length < 20) outcome.violations.push(what);
  };
  const tally = (status: string): void => {
    outcome.answers[status] = (outcome.answers[status] ?? 0) + 1;
  };
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  const grpc = new Client(serving.grpc, credentials.createInsecure());
  try {
    await serving.ready();
    const child = childOf(serving);
    let middleMiB = 0;
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < count) {
        const index = next++;
        if (index === Math.floor(count / 2)) middleMiB = residentMiB(serving);
        const kind = random.integer(100);
        if (kind < 55) await sendRest(serving, agent, random, fail, tally, outcome);
        else if (kind < 98) await sendGrpc(grpc, random, fail, tally, outcome);
        else await sendGarbage(serving, random, outcome);
      }
    };
    await Promise.all(Array.from({ length: 16 }, worker));
    outcome.grownMiB = residentMiB(serving) - middleMiB;
    if (serving.process.exitCode !== null || serving.process.signalCode !== null) fail('the answering process ended');
    else if (childOf(serving) !== child) fail('the model process was replaced');
    const answer = await post(serving, agent, Buffer.from(goodBody), {});
    if (answer.status !== 200) fail(`a good request got ${answer.status} ${answer.body}`);
    return outcome;
  } finally {
    agent.destroy();
    grpc.close();
    await serving.stop();
  }
}

/** Inputs of many kinds: numbers FLOAT [n, 2], ids INT64 [n], words STRING [n]. */
function model(): Uint8Array {
  const value = (name: string, type: 'FLOAT' | 'INT64' | 'STRING', shape: (string | number)[]) => ({
    name,
    type,
    shape,
  });
  return onnxModel({
    nodes: ['numbers', 'ids', 'words'].map((name) => ({ op: 'Identity', inputs: [name], outputs: [`${name}_out`] })),
    inputs: [value('numbers', 'FLOAT', ['n', 2]), value('ids', 'INT64', ['n']), value('words', 'STRING', ['n'])],
    outputs: [
      value('numbers_out', 'FLOAT', ['n', 2]),
      value('ids_out', 'INT64', ['n']),
      value('words_out', 'STRING', ['n']),
    ],
  });
}

const goodBody = JSON.stringify({
  id: 'x',
  parameters: { binary_data_output: false },
  inputs: [
    { name: 'numbers', shape: [1, 2], datatype: 'FP32', data: [1.5, -2] },
    { name: 'ids', shape: [1], datatype: 'INT64', data: [9007199254740991] },
    { name: 'words', shape: [1], datatype: 'BYTES', data: ['zwölf'] },
  ],
  outputs: [{ name: 'ids_out', parameters: { binary_data: false } }],
});

/** Pieces that parsers are known to trip over. */
const oddities = [
  'null',
  '-0',
  '1e999',
  '-1',
  '9'.repeat(40),
  '"__proto__"',
  '{}',
  '[[[[[[]]]]]]',
  '"\\ud800"',
  '""',
  'true',
  '4503599627370496',
  '[1,2',
  '{"a":',
  '"constructor"',
  '1.5',
  '\u0000',
];

function malformedBody(random: Random): Buffer {
  const body = Buffer.from(goodBody);
  switch (random.integer(6)) {
    case 0:
      return body.subarray(0, random.integer(body.length));
    case 1: {
      for (let flips = 1 + random.integer(4); flips > 0; flips--)
        body[random.integer(body.length)] = random.integer(256);
      return body;
    }
    case 2: {
      const tokens = goodBody.split(/(?<=[:,[])|(?=[,\]}])/);
      for (let changes = 1 + random.integer(3); changes > 0; changes--)
        tokens[random.integer(tokens.length)] = random.pick(oddities);
      return Buffer.from(tokens.join(''));
    }
    case 3:
      return Buffer.from(random.pick(['[', '{"a":', '[{"inputs":']).repeat(1 + random.integer(5000)));
    case 4:
      return random.bytes(random.integer(300));
    default: {
      const at = random.integer(body.length);
      return Buffer.concat([body.subarray(0, at), Buffer.from(random.pick(oddities)), body.subarray(at)]);
    }
  }
}

const paths = [
  '/v2/models/model/infer',
  '/v2/models/model/infer',
  '/v2/models/model/infer',
  '/v2/models/model/predict',
  '/v2/models/model/versions/1/infer',
  '/v2/models/%00/infer',
  '/v2/models/model/versions/9/infer',
  '/v2/../../etc/passwd',
  '/v2/models/__proto__',
  '/%',
];

async function sendRest(
  serving: ServingProcess,
  agent: Agent,
  random: Random,
  fail: (what: string) => void,
  tally: (status: string) => void,
  { sent }: Outcome,
): Promise<void> {
  sent.rest += 1;
  const body = malformedBody(random);
  const headers: Record<string, string> = {
    'content-type': random.pick(['application/json', 'application/octet-stream', 'text/plain', 'a/b/c', 'image/png']),
  };
  if (random.integer(3) === 0)
    headers['inference-header-content-length'] = random.pick([
      '0',
      '-1',
      '1e3',
      String(random.integer(600)),
      '99999999999999999999',
    ]);
  if (random.integer(10) === 0) headers['request-timeout'] = random.pick(['-1', 'NaN', '0', '5', '1e9', '']);
  const path = random.pick(paths);
  try {
    const { status, body: text } = await post(serving, agent, body, headers, path);
    tally(`rest ${status}`);
    if (!restStatuses.has(status)) fail(`${path} got ${status}: ${text.slice(0, 300)}`);
    if (status !== 200 && !isError(text)) fail(`${path} got ${status} with the body ${text.slice(0, 300)}`);
    if (internals.test(text)) fail(`${path} told ${text.slice(0, 300)}`);
  } catch (error) {
    fail(`${path} got no answer: ${String(error)}`);
  }
}

function isError(text: string): boolean {
  try {
    const { error, ...rest } = JSON.parse(text) as Record<string, unknown>;
    return typeof error === 'string' && Object.keys(rest).length === 0;
  } catch {
    return false;
  }
}

function post(
  serving: ServingProcess,
  agent: Agent,
  body: Buffer,
  headers: Record<string, string>,
  path = paths[0],
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const call = request({ host: serving.host, port: ports.http, agent, method: 'POST', path, headers }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts).toString() }));
    });
    call.on('error', reject);
    call.end(body);
  });
}

const grpcMethods = [
  'ModelInfer',
  'ModelInfer',
  'ModelInfer',
  'ModelInfer',
  'ModelReady',
  'ModelMetadata',
  'NoSuchMethod',
];

function sendGrpc(
  client: Client,
  random: Random,
  fail: (what: string) => void,
  tally: (status: string) => void,
  { sent }: Outcome,
): Promise<void> {
  sent.grpc += 1;
  const message = malformedMessage(random);
  const path = `/inference.GRPCInferenceService/${random.pick(grpcMethods)}`;
  return new Promise((resolve) => {
    const done = (error: ServiceError | null): void => {
      const code = error?.code ?? 0;
      tally(`grpc ${code}`);
      if (!grpcCodes.has(code)) fail(`${path} got ${code}: ${error?.details ?? ''}`);
      if (error && internals.test(error.details)) fail(`${path} told ${error.details}`);
      resolve();
    };
    client.makeUnaryRequest(
      path,
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => bytes,
      message,
      (error) => done(error),
    );
  });
}

function malformedMessage(random: Random): Buffer {
  const good = wireRequest(random);
  switch (random.integer(4)) {
    case 0:
      return good.subarray(0, random.integer(good.length));
    case 1:
      return random.bytes(random.integer(200));
    case 2: {
      const at = random.integer(good.length);
      return Buffer.concat([good.subarray(0, at), random.bytes(1 + random.integer(8)), good.subarray(at)]);
    }
    default: {
      for (let flips = 1 + random.integer(4); flips > 0; flips--)
        good[random.integer(good.length)] = random.integer(256);
      return good;
    }
  }
}

/** Bytes that are no HTTP at all, or the begin of some, and a hang-up. */
function sendGarbage(serving: ServingProcess, random: Random, { sent }: Outcome): Promise<void> {
  sent.sockets += 1;
  return new Promise((resolve) => {
    const socket = connect(random.pick([ports.http, ports.grpc, ports.admin]), serving.host, () => {
      const head = random.pick([
        '',
        'POST /v2/models/model/infer HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n',
        'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
        'GET /v2 HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n',
      ]);
      socket.write(Buffer.concat([Buffer.from(head), random.bytes(random.integer(200))]), () => socket.destroy());
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => resolve());
  });
}

function childOf({ process: { pid } }: ServingProcess): string {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
}

function residentMiB({ process: { pid } }: ServingProcess): number {
  const kilobytes = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes) / 1024;
}

/** The full count of the promise. @returns whether it was kept */
export async function malformedRequestsCampaign(say: (line: string) => void): Promise<boolean> {
  const outcome = await malformedRequests({ count: 100_000, seed: 1 });
  say(JSON.stringify(outcome, undefined, 2));
  return outcome.violations.length === 0;
}
