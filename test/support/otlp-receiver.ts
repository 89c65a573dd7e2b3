import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { BinaryReader } from '@bufbuild/protobuf/wire';

/** A span as a collector gets it. Times in milliseconds since the epoch, ids in hex. */
export interface ReceivedSpan {
  traceId: string;
  spanId: string;
  /** Empty: the root of its trace. */
  parentSpanId: string;
  name: string;
  /** 1 internal, 2 server, 3 client. */
  kind: number;
  beganAt: number;
  endedAt: number;
  attributes: Record<string, unknown>;
  links: { traceId: string; spanId: string }[];
  /** 2: an error. */
  status: number;
  resource: Record<string, unknown>;
}

export interface OtlpReceiver {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  endpoint: string;
  spans(): ReceivedSpan[];
  close(): Promise<void>;
}

/** A collector on a loopback port. It takes OTLP over HTTP as protobuf; its messages are read by their field numbers. */
export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      const isTraces = request.url === '/v1/traces' && request.headers['content-type'] === 'application/x-protobuf';
      if (isTraces) spans.push(...spansOf(request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body));
      response.writeHead(isTraces ? 200 : 404, { 'content-type': 'application/x-protobuf' }).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans: () => spans,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

type Fields = Record<number, ((reader: BinaryReader) => void) | undefined>;

function read(bytes: Uint8Array, fields: Fields): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    const take = fields[field];
    if (take) take(reader);
    else reader.skip(type);
  }
}

const hex = (reader: BinaryReader): string => Buffer.from(reader.bytes()).toString('hex');
const milliseconds = (reader: BinaryReader): number => Number(BigInt(reader.fixed64())) / 1e6;

function attribute(bytes: Uint8Array): [string, unknown] {
  let key = '';
  let value: unknown;
  read(bytes, {
    1: (reader) => (key = reader.string()),
    2: (reader) =>
      read(reader.bytes(), {
        1: (any) => (value = any.string()),
        2: (any) => (value = any.bool()),
        3: (any) => (value = Number(any.int64())),
        4: (any) => (value = any.double()),
      }),
  });
  return [key, value];
}

function spansOf(request: Uint8Array): ReceivedSpan[] {
  const spans: ReceivedSpan[] = [];
  const resourceSpans = (bytes: Uint8Array): void => {
    const resource: ReceivedSpan['resource'] = {};
    read(bytes, {
      1: (reader) =>
        read(reader.bytes(), { 1: (inner) => Object.assign(resource, Object.fromEntries([attribute(inner.bytes())])) }),
      2: (reader) => read(reader.bytes(), { 2: (inner) => spans.push(spanOf(inner.bytes(), resource)) }),
    });
  };
  read(request, { 1: (reader) => resourceSpans(reader.bytes()) });
  return spans;
}

function spanOf(bytes: Uint8Array, resource: ReceivedSpan['resource']): ReceivedSpan {
  const span: ReceivedSpan = {
    traceId: '',
    spanId: '',
    parentSpanId: '',
    name: '',
    kind: 0,
    beganAt: 0,
    endedAt: 0,
    attributes: {},
    links: [],
    status: 0,
    resource,
  };
  const link = (of: Uint8Array): ReceivedSpan['links'][number] => {
    const found = { traceId: '', spanId: '' };
    read(of, { 1: (reader) => (found.traceId = hex(reader)), 2: (reader) => (found.spanId = hex(reader)) });
    return found;
  };
  read(bytes, {
    1: (reader) => (span.traceId = hex(reader)),
    2: (reader) => (span.spanId = hex(reader)),
    4: (reader) => (span.parentSpanId = hex(reader)),
    5: (reader) => (span.name = reader.string()),
    6: (reader) => (span.kind = reader.int32()),
    7: (reader) => (span.beganAt = milliseconds(reader)),
    8: (reader) => (span.endedAt = milliseconds(reader)),
    9: (reader) => {
      const [key, value] = attribute(reader.bytes());
      span.attributes[key] = value;
    },
    13: (reader) => span.links.push(link(reader.bytes())),
    15: (reader) => read(reader.bytes(), { 3: (inner) => (span.status = inner.int32()) }),
  });
  return span;
}
