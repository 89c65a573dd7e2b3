import { connect, Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { TrainingFailure } from '../../../../runtime/errors.ts';
import { TransportError, type Receiver } from '../../../../runtime/training/transport/connection.ts';
import { dial } from '../../../../runtime/training/transport/dial.ts';
import type { Listener } from '../../../../runtime/training/transport/listener.ts';
import { SocketConnection } from '../../../../runtime/training/transport/socket-connection.ts';
import { dialing, hello, listening, Recorder, specHash, timing } from './peers.ts';

const open: Listener[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((listener) => listener.close()));
});

async function start(...parameters: Parameters<typeof listening>) {
  const started = await listening(...parameters);
  open.push(started.listener);
  return started;
}

/** Sends bytes as they are and says what came back until the other end closed. */
async function raw(port: number, bytes: Uint8Array, { end = false } = {}): Promise<Buffer> {
  const socket = connect(port, '127.0.0.1');
  const received: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => received.push(chunk));
  socket.on('error', () => undefined);
  socket.write(bytes);
  if (end) socket.end();
  await new Promise((resolve) => socket.once('close', resolve));
  return Buffer.concat(received);
}

function frame(head: unknown, payload = Buffer.alloc(0)): Buffer {
  const text = Buffer.from(typeof head === 'string' ? head : JSON.stringify(head));
  const prefix = Buffer.alloc(16);
  prefix.write('MDY1');
  prefix.writeUInt32LE(text.byteLength, 4);
  prefix.writeBigUInt64LE(BigInt(payload.byteLength), 8);
  return Buffer.concat([prefix, text, payload]);
}

const helloFrame = frame({ type: 'hello', protocol: 1, ...hello });

describe('messages', () => {
  it('arrive in order, whole, both ways, with the payload in the buffer that the receiver named', async () => {
    const { listener, accepted } = await start();
    const here = new Recorder();
    const connection = await dial(dialing(listener.port, here));
    const sizes = [0, 1, 4, 1_048_576, 1_048_577, 5_000_003];
    const payloads = sizes.map((size) => Uint8Array.from({ length: size }, (_, index) => (index * 7 + size) % 251));

    for (const [value, payload] of payloads.entries()) void connection.send({ type: 'note', value } as never, payload);
    const there = accepted[0];
    await there?.recorder.arrived(sizes.length);

    expect(there?.hello).toMatchObject(hello);
    expect(there?.recorder.messages.map(({ value }) => value)).toEqual([0, 1, 2, 3, 4, 5]);
    for (const [index, { payload }] of (there?.recorder.messages ?? []).entries()) {
      expect(Buffer.from(payload ?? []).equals(payloads[index] ?? Buffer.alloc(1))).toBe(true);
    }

    for (const [value, payload] of payloads.entries())
      void there?.connection.send({ type: 'note', value } as never, payload);
    await here.arrived(sizes.length);
    for (const [index, { payload }] of here.messages.entries()) {
      expect(Buffer.from(payload ?? []).equals(payloads[index] ?? Buffer.alloc(1))).toBe(true);
    }
    connection.end();
    expect((await there?.recorder.ended)?.code).toBe('Closed');
  });

  it('that were sent before the end are delivered', async () => {
    const { listener, accepted } = await start();
    const connection = await dial(dialing(listener.port, new Recorder()));
    const sent = connection.send({ type: 'note', value: 1 } as never, new Uint8Array(3_000_000));
    connection.end();
    await accepted[0]?.recorder.ended;
    expect(accepted[0]?.recorder.messages[0]?.payload?.byteLength).toBe(3_000_000);
    expect(await sent).toBe(true);
    expect(await connection.send({ type: 'note' })).toBe(false);
  });

  it('are read however the bytes are cut', async () => {
    const { listener, accepted } = await start();
    const bytes = Buffer.concat([helloFrame, frame({ type: 'note', value: 'x' }, Buffer.from('payload'))]);
    const socket = connect(listener.port, '127.0.0.1').setNoDelay(true);
    for (const byte of bytes) {
      socket.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    while (!accepted[0]) await new Promise((resolve) => setTimeout(resolve, 5));
    await accepted[0].recorder.arrived(1);
    expect(Buffer.from(accepted[0].recorder.messages[0]?.payload ?? []).toString()).toBe('payload');
    socket.destroy();
  });

  it('cut off in the payload are given up, and the buffer is given back', async () => {
    const { listener, accepted } = await start();
    const whole = frame({ type: 'note', value: 1 }, Buffer.alloc(1000));
    await raw(listener.port, Buffer.concat([helloFrame, whole.subarray(0, whole.byteLength - 1)]), { end: true });
    await accepted[0]?.recorder.ended;
    expect(accepted[0]?.recorder.lost).toBe(1);
    expect(accepted[0]?.recorder.messages).toEqual([]);
  });
});

describe('a stranger', () => {
  const refusedBytes: [string, Buffer][] = [
    ['speaks another protocol', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    ['announces a head of 4 GiB', Buffer.concat([Buffer.from('MDY1'), Buffer.alloc(12, 0xff)])],
    ['announces a head above the limit of a hello', frame('x'.repeat(16 * 1024 + 1))],
    ['sends a head that is no JSON', frame('{"type":')],
    ['sends another message before its hello', frame({ type: 'note', value: 1 })],
    ['sends a hello with a payload', frame({ type: 'hello', protocol: 1, ...hello }, Buffer.alloc(8))],
    ['sends a hello with an index that is no number', frame({ type: 'hello', protocol: 1, ...hello, index: '0' })],
  ];

  it.each(refusedBytes)('that %s is cut off and gets no answer', async (_, bytes) => {
    const { listener, accepted } = await start();
    expect((await raw(listener.port, bytes)).byteLength).toBe(0);
    expect(accepted).toEqual([]);
  });

  it('of another job or another protocol is told so', async () => {
    const { listener } = await start();
    const other = dial(dialing(listener.port, new Recorder(), { hello: { ...hello, specHash: 'sha256:other' } }));
    await expect(other).rejects.toMatchObject({ code: 'Refused', refusal: 'WrongJob' });
    const answer = await raw(listener.port, frame({ type: 'hello', protocol: 2, ...hello }));
    expect(answer.toString()).toContain('WrongJob');
  });

  it('that says nothing is cut off after the time for a hello', async () => {
    const { listener } = await start({ timing: { ...timing, helloMs: 50 } });
    const begin = performance.now();
    await raw(listener.port, Buffer.alloc(0));
    expect(performance.now() - begin).toBeLessThan(2_000);
  });
});

describe('a peer', () => {
  it.each([9, 7])('whose payload is %i bytes where 8 are expected is cut off', async (bytes) => {
    const { listener, accepted } = await start({}, () => new Recorder(8));
    const connection = await dial(dialing(listener.port, new Recorder()));
    void connection.send({ type: 'note', value: 1 } as never, new Uint8Array(bytes));
    expect(await accepted[0]?.recorder.ended).toMatchObject({ code: 'Protocol' });
    expect(accepted[0]?.recorder.messages).toEqual([]);
  });

  it('that sends a message nobody knows is cut off', async () => {
    const { listener, accepted } = await start();
    const connection = await dial(dialing(listener.port, new Recorder()));
    void connection.send({ type: 'gossip' });
    expect(await accepted[0]?.recorder.ended).toMatchObject({ code: 'Protocol' });
  });

  it('that is cut off for what it said is named in the log', async () => {
    const lines: string[] = [];
    const { listener } = await start({ log: pino({}, { write: (line) => void lines.push(line) }) });
    const recorder = new Recorder();
    const connection = await dial(dialing(listener.port, recorder));
    void connection.send({ type: 'gossip' });
    await recorder.ended;
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { level: pino.levels.values.warn, role: 'Worker', index: 0, reason: expect.stringContaining('no sense') },
    ]);
  });

  it('that is refused learns the code', async () => {
    const { listener } = await start({ admit: () => ({ code: 'Superseded', message: 'incarnation 3 took over' }) });
    await expect(dial(dialing(listener.port, new Recorder()))).rejects.toMatchObject({
      code: 'Refused',
      refusal: 'Superseded',
      message: 'incarnation 3 took over',
    });
  });

  it('that is not there is unreachable, in words that name it', async () => {
    const { listener } = await start();
    const { port } = listener;
    await listener.close();
    open.length = 0;
    await expect(dial(dialing(port, new Recorder()))).rejects.toMatchObject({
      code: 'Unreachable',
      message: expect.stringContaining(`127.0.0.1:${port}`) as unknown,
    });
  });

  it('is found through the lookup that is given', async () => {
    const { listener, accepted } = await start();
    const lookup = (
      _: string,
      __: unknown,
      done: (error: null, found: { address: string; family: number }[]) => void,
    ) => done(null, [{ address: '127.0.0.1', family: 4 }]);
    const peer = { host: 'job-ps-0.job', port: listener.port };
    await dial(dialing(listener.port, new Recorder(), { peer, lookup: lookup }));
    expect(accepted).toHaveLength(1);
  });

  it('that falls silent is given up; one that only has nothing to say is not', async () => {
    const quick = { ...timing, heartbeatMs: 30, silenceMs: 200 };
    const { listener, accepted } = await start({ timing: quick });
    const alive = new Recorder();
    await dial(dialing(listener.port, alive, { timing: quick }));
    const mute = connect(listener.port, '127.0.0.1');
    mute.on('error', () => undefined);
    mute.write(helloFrame);
    while (!accepted[1]) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await accepted[1].recorder.ended).toMatchObject({ code: 'Silent' });
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(accepted[0]?.connection.open).toBe(true);
  });

  it('of any role is told apart by its hello', async () => {
    const { listener, accepted } = await start();
    await dial(
      dialing(listener.port, new Recorder(), {
        hello: { specHash, role: 'ParameterServer', channel: 'Control', index: 2, incarnation: 7 },
      }),
    );
    expect(accepted[0]?.hello).toMatchObject({ role: 'ParameterServer', channel: 'Control', index: 2, incarnation: 7 });
  });
});

describe('a message that its receiver throws at', () => {
  const fault = { reason: 'OutOfMemory', message: 'no room for gradients', retrying: true } as const;

  /** What becomes of a connection whose receiver throws, and of what it threw. */
  function receive(error: Error, isLate = false) {
    const ends: (TransportError | undefined)[] = [];
    const fail = (): never => {
      throw error;
    };
    const receiver: Receiver<{ value: unknown }> = {
      schema: new Recorder().schema,
      message: isLate ? () => ({ into: new Uint8Array(4), done: fail, lost: () => undefined }) : fail,
      closed: (end) => ends.push(end),
    };
    const connection = new SocketConnection(
      new Socket(),
      timing,
      () => receiver,
      () => undefined,
    );
    const take = () => connection.take(Buffer.concat([helloFrame, frame({ type: 'note', value: 1 }, Buffer.alloc(4))]));
    return { take, connection, ends };
  }

  it.each([false, true])('ends the connection where the other end is to blame; after its payload: %s', (isLate) => {
    const error = new TransportError('Protocol', 'nobody asked');
    const { take, connection, ends } = receive(error, isLate);
    take();
    expect(connection.open).toBe(false);
    expect(ends).toEqual([error]);
  });

  it.each([false, true])(
    'ends the process where this end is: such as without memory; after its payload: %s',
    (isLate) => {
      for (const error of [new TrainingFailure(fault), new RangeError('Array buffer allocation failed')]) {
        const { take, connection, ends } = receive(error, isLate);
        expect(take).toThrow(error);
        expect(connection.open).toBe(false);
        expect(ends).toMatchObject([{ code: 'Closed' }]);
      }
    },
  );
});
