import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A switch before several addresses, as a Service is before pods: each new connection goes to one target in turn. */
export interface Relay {
  port: number;
  /** From now on new connections go to these; old ones stay. */
  targets: string[];
  close(): Promise<void>;
}

export async function startRelay(targets: string[], targetPort: number): Promise<Relay> {
  const relay = { targets };
  const open = new Set<Socket>();
  let next = 0;
  const server = createServer((client) => {
    const host = relay.targets[next++ % relay.targets.length] ?? '';
    const target = connect(targetPort, host);
    for (const [from, to] of [
      [client, target],
      [target, client],
    ] as const) {
      open.add(from);
      from.setNoDelay(true);
      from.pipe(to);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        open.delete(from);
        to.destroySoon();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of open) socket.destroy();
    });
  return Object.assign(relay, { port: (server.address() as AddressInfo).port, close });
}
