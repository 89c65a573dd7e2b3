import { connect, type LookupFunction, type Socket } from 'node:net';
import { connect as connectSecurely } from 'node:tls';
import { safeParse } from 'valibot';
import { systemCode } from '../../store/errors.ts';
import { helloAnswers, protocolVersion, type Hello } from '../messages.ts';
import { TransportError, type Connection, type Receiver } from './connection.ts';
import { readInto } from './read-buffer.ts';
import { SocketConnection, type Timing } from './socket-connection.ts';
import type { TlsIdentity } from './tls-identity.ts';

/** Where a server listens. */
export interface Peer {
  host: string;
  port: number;
}

export interface DialOptions {
  peer: Peer;
  hello: Omit<Hello, 'type' | 'protocol'>;
  tls: TlsIdentity | undefined;
  timing: Timing;
  /** Absent: DNS. */
  lookup?: LookupFunction | undefined;
  signal?: AbortSignal | undefined;
  /** Called as soon as the peer said welcome, before anything else of it is read. */
  open(connection: Connection): Receiver<unknown>;
}

/** Connects once. Rejects with TransportError; `refusal` of a refused one is a code of `helloAnswers`. */
export function dial(options: DialOptions): Promise<Connection> {
  const { peer, tls, timing, signal } = options;
  return new Promise((resolve, reject) => {
    const attempt = { isSecured: false };
    const target = { host: peer.host, port: peer.port, ...(options.lookup && { lookup: options.lookup }) };
    const socket: Socket = tls
      ? connectSecurely({ ...target, ...tls.options(), rejectUnauthorized: true })
      : connect({ ...target, onread: readInto((bytes) => connection.take(bytes)) });
    const fail = (error: TransportError): void => {
      signal?.removeEventListener('abort', abort);
      reject(described(error, peer, attempt.isSecured));
    };
    const connection: SocketConnection = new SocketConnection(
      socket,
      timing,
      (head) => {
        const answer = safeParse(helloAnswers, head);
        if (!answer.success) throw new TransportError('Protocol', 'the answer to the hello makes no sense');
        if (answer.output.type === 'refused') {
          throw new TransportError('Refused', answer.output.message, { refusal: answer.output.code });
        }
        signal?.removeEventListener('abort', abort);
        resolve(connection);
        return options.open(connection);
      },
      fail,
    );
    const abort = (): void => connection.destroy();
    if (signal?.aborted) abort();
    signal?.addEventListener('abort', abort, { once: true });
    socket.once(tls ? 'secureConnect' : 'connect', () => {
      attempt.isSecured = tls !== undefined;
      const hello: Hello = { type: 'hello', protocol: protocolVersion, ...options.hello };
      void connection.send(hello);
    });
  });
}

/** What kept a connection from being made, in words that name the peer. A server hangs up on a certificate that it does not accept. */
function described(error: TransportError, { host, port }: Peer, isSecured: boolean): TransportError {
  if (error.code !== 'Closed') return error;
  const untrusted = isSecured || /CERT|SSL|ALTNAME|SIGNATURE|ISSUER/.test(systemCode(error.cause) ?? '');
  const why = isSecured ? `${error.message} when it saw the certificate of this pod` : error.message;
  return new TransportError(untrusted ? 'Untrusted' : 'Unreachable', `${host}:${port}: ${why}`, {
    cause: error.cause,
  });
}
