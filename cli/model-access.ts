import { readFile } from 'node:fs/promises';
import type { ClientAccess, ClientTls } from '../client/access.ts';
import { CliError } from './errors.ts';

/** Options of commands that call a model. Keys and tokens come in files: others see what stands on a command line. */
export interface AccessOptions {
  apiKeyFile?: string;
  tokenFile?: string;
  ca?: string;
  cert?: string;
  key?: string;
  serverName?: string;
}

/** The person's file, or why it cannot be read. @throws CliError BadInput */
export async function content(option: string, file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new CliError('BadInput', `${option} ${file}: ${(error as Error).message}`);
  }
}

/** What the options make of a call; TLS where they name any of it, or it is given. @throws CliError BadInput */
export async function accessOf(options: AccessOptions, tls?: ClientTls): Promise<ClientAccess> {
  const { apiKeyFile, tokenFile, ca, cert, key, serverName } = options;
  if (apiKeyFile !== undefined && tokenFile !== undefined)
    throw new CliError('BadInput', 'give one of --api-key-file and --token-file');
  if ((cert === undefined) !== (key === undefined)) throw new CliError('BadInput', 'give both --cert and --key');
  const given: ClientTls = {
    ...(ca === undefined ? {} : { ca: await content('--ca', ca) }),
    ...(cert === undefined ? {} : { certificate: await content('--cert', cert) }),
    ...(key === undefined ? {} : { key: await content('--key', key) }),
    ...(serverName === undefined ? {} : { serverName }),
  };
  return {
    ...(apiKeyFile === undefined ? {} : { apiKey: (await content('--api-key-file', apiKeyFile)).toString().trim() }),
    ...(tokenFile === undefined ? {} : { token: (await content('--token-file', tokenFile)).toString().trim() }),
    ...(tls === undefined && Object.keys(given).length === 0 ? {} : { tls: { ...tls, ...given } }),
  };
}
