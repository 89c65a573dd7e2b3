import { X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContextOptions, type Server, type TlsOptions } from 'node:tls';
import type { TlsConfig } from '../../access-config.ts';
import { tlsFiles } from '../../contract.ts';
import { watchMounted, type MountedFiles } from './mounted-files.ts';

/** Of what is bound to an address and speaks TLS. */
type SecureServer = Pick<Server, 'setSecureContext'>;

/**
 * The server's certificate, and the authority of clients' ones. Renewed files are used from the next connection on; as long as they are not
 * valid, the ones before are.
 */
export class ServerTls {
  /** For the making of servers. */
  readonly options: TlsOptions;
  readonly #asksClients: boolean;
  readonly #servers = new Set<SecureServer>();
  readonly #files: Record<'own' | 'clientCa', MountedFiles | undefined> = { own: undefined, clientCa: undefined };
  readonly #stops: (() => void)[];
  #context: SecureContextOptions | undefined;
  #problem: string | undefined;

  constructor({ dir, clientCertificates, clientCaDir }: TlsConfig, noticeMs?: number) {
    this.#asksClients = clientCertificates === 'Required';
    this.options = {
      minVersion: 'TLSv1.2',
      handshakeTimeout: 10_000,
      ...(this.#asksClients ? { requestCert: true, rejectUnauthorized: true } : {}),
    };
    const watch = (name: 'own' | 'clientCa', folder: string): (() => void) =>
      watchMounted(
        folder,
        (files) => {
          this.#files[name] = files;
          this.#renew();
        },
        noticeMs,
      );
    this.#stops = [...(this.#asksClients ? [watch('clientCa', clientCaDir)] : []), watch('own', dir)];
  }

  /** What is wrong with the files that are there now. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Connections can be made, be it with earlier files. */
  get isUsable(): boolean {
    return this.#context !== undefined;
  }

  /** Gives a server what it needs now, and whenever that is renewed. */
  secure(server: SecureServer): void {
    this.#servers.add(server);
    if (this.#context) server.setSecureContext(this.#context);
  }

  close(): void {
    for (const stop of this.#stops) stop();
  }

  #renew(): void {
    try {
      const context = { ...this.#read(), minVersion: 'TLSv1.2' as const };
      createSecureContext(context);
      this.#context = context;
      this.#problem = undefined;
      for (const server of this.#servers) server.setSecureContext(context);
    } catch (error) {
      this.#problem = error instanceof Error ? error.message : String(error);
    }
  }

  #read(): SecureContextOptions {
    const cert = pem(this.#files.own, tlsFiles.certificate);
    const key = pem(this.#files.own, tlsFiles.key);
    if (!this.#asksClients) return { cert, key };
    const ca = pem(this.#files.clientCa, tlsFiles.ca);
    // Node takes every public authority for one that is empty, and none for one that is no certificate.
    parsed(ca, tlsFiles.ca);
    return { cert, key, ca };
  }
}

function pem(files: MountedFiles | undefined, name: string): string {
  const text = files?.get(name)?.trim() ?? '';
  if (text === '') throw new Error(`it has no ${name}`);
  return text;
}

function parsed(text: string, name: string): X509Certificate {
  try {
    return new X509Certificate(text);
  } catch {
    throw new Error(`${name} is no certificate in PEM`);
  }
}
