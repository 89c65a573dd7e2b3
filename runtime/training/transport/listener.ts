import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls';
import { safeParse } from 'valibot';
import type { Log } from '../../../lib/log.ts';
import { helloMessage, protocolVersion, type Hello, type HelloAnswer } from '../messages.ts';
import { TransportError, watched, type Connection, type Receiver } from './connection.ts';
import { readAcceptedInto } from './read-buffer.ts';
import { SocketConnection, type Timing } from './socket-connection.ts';
import type { TlsIdentity } from './tls-identity.ts';

/** Connections at a time; far above what a job has, and below what a pod can hold. */
const maxConnections = 4_096;

export type Refusal = Omit<Extract<HelloAnswer, { type: 'refused' }>, 'type'>;

export interface ListenOptions {
  host: string;
  /** 0: any. */
  port: number;
  specHash: string;
  tls: TlsIdentity | undefined;
  timing: Timing;
  log: Log;
  /** Says what to do with a peer of the same job: who receives what it says, or why it is refused. */
  admit(hello: Hello): { open(connection: Connection): Receiver<unknown> } | Refusal;
}

export interface Listener {
  readonly port: number;
  /** Refuses new connections and destroys the others. */
  close(): Promise<void>;
}

/** Rejects where the port is taken. */
export async function listen(options: ListenOptions): Promise<Listener> {
  const { host, port, tls, log } = options;
  const connections = new Set<SocketConnection>();
  const accept = (accepted: Socket): void => {
    const from = accepted.remoteAddress;
    const socket = tls ? accepted : readAcceptedInto(accepted, (bytes) => connection.take(bytes));
    const connection: SocketConnection = new SocketConnection(
      socket,
      options.timing,
      (head) => greet(options, head, connection),
      (error) => log.info({ from, code: error.code, reason: error.message }, 'a connection came to nothing'),
    );
    connections.add(connection);
    socket.once('close', () => connections.delete(connection));
  };
  const server = tls ? secureServer(tls, options, accept) : createServer({ pauseOnConnect: true }, accept);
  server.maxConnections = maxConnections;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  server.on('error', (error) => log.error({ err: error }, 'the transport cannot accept connections'));
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const connection of connections) connection.destroy();
      await closed;
    },
  };
}

function secureServer(tls: TlsIdentity, { timing, log }: ListenOptions, accept: (socket: Socket) => void): Server {
  const server: TlsServer = createTlsServer(
    { ...tls.options(), requestCert: true, rejectUnauthorized: true, handshakeTimeout: timing.helloMs },
    accept,
  );
  server.on('tlsClientError', (error, socket) => {
    log.warn(
      { from: socket.remoteAddress, reason: error.message },
      'a peer without a certificate of this job was refused',
    );
  });
  server.prependListener('connection', () => {
    try {
      server.setSecureContext(tls.options());
    } catch (error) {
      log.error({ err: error }, 'the renewed certificate cannot be used; the one before it goes on');
    }
  });
  return server;
}

/** Answers a hello. Undefined: refused. */
function greet(options: ListenOptions, head: unknown, connection: Connection): Receiver<unknown> | undefined {
  const parsed = safeParse(helloMessage, head);
  if (!parsed.success) throw new TransportError('Protocol', 'the first message is no hello');
  const hello = parsed.output;
  const verdict =
    hello.protocol === protocolVersion && hello.specHash === options.specHash ? options.admit(hello) : wrongJob;
  if ('open' in verdict) {
    void connection.send({ type: 'welcome' } satisfies HelloAnswer);
    return watched(verdict.open(connection), ({ message }) => {
      const { role, index } = hello;
      options.log.warn({ role, index, reason: message }, 'a peer was cut off for what it said');
    });
  }
  options.log.info({ ...verdict }, 'a peer was refused');
  void connection.send({ type: 'refused', ...verdict } satisfies HelloAnswer);
  connection.end();
  return undefined;
}

const wrongJob: Refusal = {
  code: 'WrongJob',
  message: 'this pod belongs to another job, or to another version of Modelyard',
};
