import { connect } from 'node:net';
import { ports } from '../../../runtime/contract.ts';
import type { Random } from '../../support/random.ts';

/** Bytes on bare connections: what is nearly HTTP/1.1, nearly HTTP/2, or neither. */

const infer = 'POST /v2/models/model/infer HTTP/1.1\r\nHost: a\r\n';

const starts: readonly string[] = [
  '',
  `${infer}Content-Length: 10\r\n\r\n`,
  `${infer}Content-Length: 10\r\nContent-Length: 11\r\n\r\n{}`,
  `${infer}Content-Length: -1\r\n\r\n{}`,
  `${infer}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  `${infer}Transfer-Encoding: chunked\r\n\r\nzz\r\n`,
  `${infer}Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n`,
  `${infer}Transfer-Encoding: chunked\r\n\r\n${'1;x=y\r\na\r\n'.repeat(500)}`,
  `${infer}Transfer-Encoding: gzip, chunked\r\n\r\n`,
  `${infer}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n`,
  `${infer}Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk\r\n\r\n`,
  `${infer}X: ${'y'.repeat(20_000)}\r\n\r\n`,
  `${infer}${'a: b\r\n'.repeat(3_000)}\r\n`,
  `${infer}Content-Length: 0\r\n\r\n`.repeat(50),
  'GET /v2 HTTP/1.1\r\n\r\n',
  'GET /v2 HTTP/9.9\r\nHost: a\r\n\r\n',
  'GET http://169.254.169.254/ HTTP/1.1\r\nHost: a\r\n\r\n',
  'CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: a\r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET /v2\r\n',
  `GET /${'a'.repeat(70_000)} HTTP/1.1\r\nHost: a\r\n\r\n`,
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
];

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** A frame of HTTP/2, whose parts need not fit each other. */
function frame(random: Random): Buffer {
  const payload = random.bytes(random.integer(64));
  const head = Buffer.alloc(9);
  const isHonest = random.integer(4) > 0;
  head.writeUIntBE(isHonest ? payload.byteLength : random.pick([0, 1, 16_384, 2 ** 24 - 1]), 0, 3);
  head.writeUInt8(random.integer(12), 3);
  head.writeUInt8(random.integer(256), 4);
  head.writeUInt32BE(random.pick([0, 1, 1, 2, 3, 2 ** 31 - 1, 2 ** 31]), 5);
  return Buffer.concat([head, payload]);
}

function bytes(random: Random): Buffer {
  if (random.integer(2) === 0)
    return Buffer.concat([Buffer.from(random.pick(starts)), random.bytes(random.integer(200))]);
  const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
  const frames = Array.from({ length: 1 + random.integer(random.pick([3, 30, 300])) }, () => frame(random));
  return Buffer.concat([preface, ...(random.integer(4) > 0 ? [settings] : []), ...frames]);
}

/** Sends some and listens a moment. Resolves with what was answered, as Latin-1. */
export function sendBytes(host: string, random: Random): Promise<string> {
  const sent = bytes(random);
  const port = random.pick([ports.http, ports.grpc, ports.grpc, ports.admin]);
  // Most hang up at once, as a server must not mind either.
  const listenMs = random.integer(4) === 0 ? 20 : 0;
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(port, host, () => {
      socket.write(sent, () => setTimeout(() => socket.destroy(), listenMs));
    });
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => resolve(answer));
  });
}
