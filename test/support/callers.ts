import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientDuplexStream } from '@grpc/grpc-js';
import { grpcClient, type GrpcAnswer } from './inference-client.ts';

/** What a model can be asked whose answer is known. */
export interface Subject {
  inputs: (n: number) => { name: string; datatype: 'FP32' | 'INT64'; shape: number[]; data: number[] }[];
  /** The first element of the first output. */
  answer: (n: number) => number;
}

/** Of `loopModel`. */
export const counting: Subject = {
  inputs: (n) => [{ name: 'trips', datatype: 'INT64', shape: [], data: [n] }],
  answer: (n) => n,
};

/** Of `sumAndDifferenceModel`. */
export const adding: Subject = {
  inputs: (n) => [
    { name: 'a', datatype: 'FP32', shape: [1, 2], data: [n, n] },
    { name: 'b', datatype: 'FP32', shape: [1, 2], data: [1, 1] },
  ],
  answer: (n) => n + 1,
};

/** One client with one connection that it keeps for as long as the server lets it. */
interface Caller {
  /** The first element of the answer. Rejects where there is none. */
  ask(n: number): Promise<number>;
  close(): void;
}

/** `HOST:PORT`. */
type Address = string;

/** REST over HTTP/1.1, keep-alive. */
export function restCaller(address: Address, { inputs }: Subject): Caller {
  const [host, port] = address.split(':');
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ask: Caller['ask'] = (n) =>
    new Promise((resolve, reject) => {
      const path = '/v2/models/model/infer';
      const call = request({ host, port, agent, method: 'POST', path }, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('error', reject);
        response.on('end', () => {
          if (response.statusCode !== 200) reject(new Error(`${response.statusCode ?? 0}: ${text}`));
          else resolve((JSON.parse(text) as { outputs: { data: number[] }[] }).outputs[0]?.data[0] ?? NaN);
        });
      });
      call.on('error', reject);
      call.end(JSON.stringify({ inputs: inputs(n) }));
    });
  return { ask, close: () => agent.destroy() };
}

const contentsOf = { FP32: 'fp32_contents', INT64: 'int64_contents' } as const;

/** A ModelInferRequest of the model `model`. */
export const grpcMessage = ({ inputs }: Subject, n: number): object => ({
  model_name: 'model',
  inputs: inputs(n).map(({ data, ...input }) => ({ ...input, contents: { [contentsOf[input.datatype]]: data } })),
});

function firstElement({ outputs, raw_output_contents: [raw] }: GrpcAnswer): number {
  if (raw === undefined) return NaN;
  return outputs[0]?.datatype === 'INT64' ? Number(raw.readBigInt64LE(0)) : raw.readFloatLE(0);
}

const channel = { 'grpc.use_local_subchannel_pool': 1, 'grpc.initial_reconnect_backoff_ms': 100 };

/** Unary calls over one channel. */
export function grpcCaller(address: Address, subject: Subject): Caller {
  const client = grpcClient(address, channel);
  return { ask: async (n) => firstElement(await client.infer(grpcMessage(subject, n))), close: () => client.close() };
}

interface StreamAnswer {
  error_message: string;
  infer_response: GrpcAnswer | null;
}

interface Asked {
  n: number;
  resolve: (value: number) => void;
  reject: (error: Error) => void;
}

/**
 * One stream, asked one thing after the other. A stream that ends with UNAVAILABLE, as those do whose server goes away, says that what it
 * did not answer may be asked again: that is done on another.
 */
export function streamCaller(address: Address, subject: Subject): Caller & { moved: number } {
  const client = grpcClient(address, channel);
  let stream: ClientDuplexStream<object, object> | undefined;
  let asked: Asked | undefined;
  let isClosed = false;
  const open = (): ClientDuplexStream<object, object> => {
    const opened = client.stream('ModelStreamInfer');
    opened.on('data', ({ error_message: error, infer_response: answer }: StreamAnswer) => {
      if (error !== '' || answer === null) asked?.reject(new Error(error));
      else asked?.resolve(firstElement(answer));
    });
    const end = (error?: Error & { code?: number }): void => {
      if (stream !== opened) return;
      stream = undefined;
      if (asked === undefined) return;
      if (error?.code === 14 && !isClosed) {
        caller.moved += 1;
        say(asked);
      } else asked.reject(error ?? new Error('the stream ended before its answer'));
    };
    opened.on('error', end).on('end', end);
    return opened;
  };
  const say = ({ n }: Asked): void => {
    stream ??= open();
    stream.write(grpcMessage(subject, n));
  };
  const caller = {
    moved: 0,
    ask: (n: number) =>
      new Promise<number>((resolve, reject) => {
        asked = { n, resolve, reject };
        say(asked);
      }).finally(() => (asked = undefined)),
    close: () => {
      isClosed = true;
      stream?.end();
      client.close();
    },
  };
  return caller;
}

/** Callers that ask one thing after the other, each as soon as it has its answer. */
interface Load {
  answered: number;
  /** Requests without the right answer. */
  failed: number;
  /** The first of those, in words. */
  failures: string[];
  stop(): Promise<void>;
}

/** How long a load that ends waits for the answers to what it asked. */
const patienceMs = 60_000;

/** @param pick what the nth question of a caller is about */
export function startLoad(
  callers: readonly Caller[],
  { answer }: Subject,
  pick: (n: number) => number = (n) => n,
): Load {
  let isOver = false;
  const load = {
    answered: 0,
    failed: 0,
    failures: [] as string[],
    stop: async (): Promise<void> => {
      isOver = true;
      // A stream asks for as long as no server is there.
      await Promise.race([done, sleep(patienceMs, undefined, { ref: false })]);
      for (const caller of callers) caller.close();
      await done;
    },
  };
  const fail = (what: string): void => {
    load.failed += 1;
    if (load.failures.length < 20) load.failures.push(what);
  };
  const side = async (caller: Caller): Promise<void> => {
    for (let turn = 1; !isOver; turn++) {
      const n = pick(turn);
      try {
        const answered = await caller.ask(n);
        if (answered === answer(n)) load.answered += 1;
        else fail(`${n} gave ${answered}`);
      } catch (error) {
        fail(String(error));
      }
    }
  };
  const done = Promise.all(callers.map(side));
  return load;
}
