import { expect, test } from '@jest/globals';
import type { FromServer } from '../../../../runtime/training/messages.ts';
import {
  bytesOf,
  type Connection,
  type Payload,
  type Receiver,
} from '../../../../runtime/training/transport/connection.ts';
import type { SharedVector, UpdateTask } from '../../../../runtime/training/worker/engine-messages.ts';
import { HeldVersions } from '../../../../runtime/training/worker/held-versions.ts';
import { ServerLink } from '../../../../runtime/training/worker/server-link.ts';

const length = 4;
const numbers = (value: number): Float32Array => new Float32Array(length).fill(value);
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Computes with plain sums, when it is told to. */
class PlainEngine {
  readonly waiting: (() => void)[] = [];
  #lastId = 0;

  allocate(count: number): SharedVector {
    return { id: ++this.#lastId, values: new Float32Array(new SharedArrayBuffer(4 * count)) };
  }

  forget(): void {
    // Nobody looks for vectors by their numbers here.
  }

  async update({ from, gradient, to }: UpdateTask): Promise<void> {
    await new Promise<void>((resolve) => this.waiting.push(resolve));
    const before = [from.weights, ...from.slots];
    for (const [index, { vector }] of [to.weights, ...to.slots].entries()) {
      const values = before[index]?.vector.values ?? numbers(NaN);
      vector.values.set(values.map((value, element) => value + (gradient.vector.values[element] ?? NaN)));
    }
  }
}

test('an update whose payload comes after its generation makes nothing', async () => {
  let receiver: Receiver<FromServer> | undefined;
  const connection: Connection = {
    open: true,
    send: () => Promise.resolve(true),
    end: () => undefined,
    destroy: () => undefined,
  };
  const link = new ServerLink({
    connect: (_, open) => {
      receiver = open(connection);
      return { close: () => undefined };
    },
    moved: () => undefined,
    now: () => 0,
    unreachable: () => undefined,
  });
  const engine = new PlainEngine();
  const failures: unknown[] = [];
  const failed = (error: unknown): void => void failures.push(error);
  const slices = [{ from: 0, to: length }];
  const held = new HeldVersions({ slices, trainable: length, slots: 1, links: [link], engine, failed });
  const receive = (message: FromServer, payload: Payload) => {
    const reception = receiver?.message(message, payload.byteLength);
    return () => {
      reception?.into.set(bytesOf(payload));
      reception?.done();
    };
  };
  const parameters = (generation: number, version: number, vector: number): FromServer => ({
    ...{ type: 'parameters', generation, version, vector },
  });
  held.begin(1);
  link.use(1);
  held.mirror([0]);
  const claims = [held.claim(0)];
  await turn();
  for (const [vector, value] of [10, 20].entries()) receive(parameters(1, 0, vector), numbers(value))();
  await turn();
  claims.push(held.claim(1));
  await turn();
  const factors = { own: false, learningRate: 1, gradientScale: 1 };
  const rest = receive({ type: 'update', generation: 1, version: 1, ...factors }, numbers(1));
  // The generation ends before the payload is here, and another one goes on from a checkpoint.
  for (const { release } of claims) release();
  held.begin(2);
  await turn();
  held.mirror([0]);
  held.claim(7);
  await turn();
  rest();
  await turn();
  receive(parameters(2, 7, 0), numbers(777))();
  for (const compute of engine.waiting.splice(0)) compute();
  await turn();
  receive(parameters(2, 7, 1), numbers(888))();
  await turn();
  held.begin(3);
  expect(held.holdings().states).toEqual([{ server: 0, version: 7 }]);
  expect(failures).toEqual([]);
});
