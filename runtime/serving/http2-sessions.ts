import http2 from 'node:http2';

/** Node's default of 64 KiB lets one tensor wait for many round trips: 1 MiB measured two to four times faster. */
const windowBytes = 1024 * 1024;
const highestStreamId = 2 ** 31 - 1;

/** The HTTP/2 connections of a gRPC server, which grpc-js itself does not give away. */
export interface Http2Sessions {
  /** Asks the clients of all present connections to open another one. Requests on these are still answered. */
  sayGoAway(): void;
}

/**
 * Runs `create`, which makes grpc-js create its HTTP/2 server, and returns that server's connections. grpc-js 1.14 offers
 * no other way to a server's flow control window (grpc/grpc-node#3058), nor to a GOAWAY that refuses nothing.
 */
export async function withHttp2Sessions<T>(create: () => Promise<T>): Promise<{ created: T; sessions: Http2Sessions }> {
  const open = new Set<http2.ServerHttp2Session>();
  const goAway = (session: http2.ServerHttp2Session): void => {
    if (!session.closed && !session.destroyed) session.goaway(http2.constants.NGHTTP2_NO_ERROR, highestStreamId);
  };
  const original = http2.createServer;
  const widened = (options: http2.ServerOptions): http2.Http2Server => {
    const server = original({ ...options, settings: { ...options.settings, initialWindowSize: windowBytes } });
    server.on('session', (session) => {
      open.add(session);
      session.once('close', () => open.delete(session));
      session.setLocalWindowSize(windowBytes);
    });
    return server;
  };
  http2.createServer = widened as typeof http2.createServer;
  try {
    const created = await create();
    return { created, sessions: { sayGoAway: () => open.forEach(goAway) } };
  } finally {
    http2.createServer = original;
  }
}
