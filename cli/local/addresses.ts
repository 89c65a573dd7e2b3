import { createServer } from 'node:net';
import { ports } from '../../runtime/contract.ts';
import { trainingPorts } from '../../runtime/training-contract.ts';
import { CliError } from '../errors.ts';

const podPorts = [...new Set<number>([...Object.values(ports), ...Object.values(trainingPorts)])];

/** Whether a server could listen there now. */
function canListen(host: string, port: number): Promise<{ ok: true } | { ok: false; code: string }> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve({ ok: false, code: error.code ?? 'UNKNOWN' }));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve({ ok: true })));
  });
}

/**
 * Loopback addresses for pods, `PREFIX.2` to `PREFIX.254`, each free on every port a pod listens on, so that pods keep
 * the ports they have on a cluster. Linux has all of 127.0.0.0/8; macOS needs an alias for each address.
 */
export class PodAddresses {
  readonly #prefix: string;
  readonly #taken = new Set<string>();
  #next = 2;

  /** `prefix`: three numbers, such as `127.20.4`. */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** @throws CliError NoPodAddress */
  async take(): Promise<string> {
    for (let tries = 0; tries < 253; tries++) {
      const address = `${this.#prefix}.${this.#next}`;
      this.#next = this.#next === 254 ? 2 : this.#next + 1;
      if (this.#taken.has(address)) continue;
      this.#taken.add(address);
      const results = await Promise.all(podPorts.map((port) => canListen(address, port)));
      if (results.every(({ ok }) => ok)) return address;
      this.#taken.delete(address);
      if (results.some((result) => !result.ok && result.code === 'EADDRNOTAVAIL')) {
        const cure = `make it one with: sudo ifconfig lo0 alias ${address} up`;
        throw new CliError('NoPodAddress', `${address} is no address of this machine; ${cure}`);
      }
    }
    throw new CliError('NoPodAddress', `no free address in ${this.#prefix}.0/24; stop other laptop sessions`);
  }

  release(address: string): void {
    this.#taken.delete(address);
  }
}
