import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * A TCP port nobody listens on. Taken from below the range that outgoing connections use, so that only another
 * listener could take it before its user does.
 */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_000);
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, host, () => resolve(true));
    });
    if (!free) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}
