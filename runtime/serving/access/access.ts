import type { Log } from '../../../lib/log.ts';
import type { AccessConfig } from '../../access-config.ts';
import type { AccessFault } from '../../contract.ts';
import { openConnections } from '../../store/connections.ts';
import { apiKeysIn, callerWithKey, type ApiKeys } from './api-keys.ts';
import { credentialIn, unauthenticated } from './credential.ts';
import { getJson, issuerLimits } from './get-json.ts';
import { IssuerKeys } from './issuer-keys.ts';
import { watchMounted } from './mounted-files.ts';
import { callerWithToken } from './oidc.ts';
import { ServerTls } from './server-tls.ts';

/** Who calls, as its API key or its token says. */
export interface Caller {
  by: 'ApiKey' | 'Oidc';
  name: string;
}

/**
 * Lets a request in by its headers, names and values in turn as they came. Throws, or rejects with, RequestError `Unauthenticated`,
 * `Forbidden`, or `NotReady` where it cannot be told now.
 */
export type Authorize = (rawHeaders: readonly string[]) => Caller | Promise<Caller>;

/** Who may call, the same for every protocol. */
export interface Access {
  /** Absent: nobody is asked. */
  authorize: Authorize | undefined;
  /** Absent: connections are in the clear. */
  tls: ServerTls | undefined;
  /** The worst of what is wrong. */
  fault(): AccessFault | undefined;
  close(): Promise<void>;
}

export interface AccessOptions {
  config: AccessConfig;
  /** Private address ranges in which an issuer may be. */
  allowedCidrs: readonly string[];
  /** Milliseconds since the epoch. */
  now: () => number;
  log: Log;
  /** How soon renewed files are noticed. */
  noticeMs?: number;
}

export function openAccess({ config, allowedCidrs, now, log, noticeMs }: AccessOptions): Access {
  const { oidc, apiKeysDir } = config;
  const tls = config.tls && new ServerTls(config.tls, noticeMs);
  let apiKeys: ApiKeys = { keys: [], problem: undefined };
  const stopKeys =
    apiKeysDir === undefined
      ? undefined
      : watchMounted(
          apiKeysDir,
          (files) => {
            apiKeys = apiKeysIn(files);
            log.info({ callers: apiKeys.keys.length, problem: apiKeys.problem }, 'API keys read');
          },
          noticeMs,
        );
  const connections = oidc && openConnections(allowedCidrs, oidc.ca, issuerLimits);
  const issuerKeys =
    oidc &&
    connections &&
    new IssuerKeys({
      issuer: oidc.issuer,
      jwksUri: oidc.jwksUri,
      getJson: (url) => getJson(url, connections),
      now,
    });

  const authorize: Authorize = (rawHeaders) => {
    const { header, value } = credentialIn(rawHeaders);
    const name = callerWithKey(apiKeys.keys, value);
    if (name !== undefined) return { by: 'ApiKey', name };
    if (!oidc || !issuerKeys || header !== 'authorization') throw unauthenticated('the API key or token is not valid');
    return callerWithToken(value, oidc, issuerKeys.find, now).then((subject) => ({ by: 'Oidc', name: subject }));
  };

  const fault = (): AccessFault | undefined => {
    if (tls?.problem !== undefined) return tlsFault(tls.problem, !tls.isUsable);
    if (apiKeys.problem !== undefined) return apiKeysFault(apiKeys, oidc === undefined);
    if (oidc && issuerKeys?.problem !== undefined)
      return issuerFault(oidc.issuer, issuerKeys.problem, apiKeysDir === undefined && !issuerKeys.areKnown);
    return undefined;
  };

  return {
    authorize: apiKeysDir === undefined && oidc === undefined ? undefined : authorize,
    tls,
    fault,
    close: async () => {
      stopKeys?.();
      tls?.close();
      await connections?.close();
    },
  };
}

const tlsFault = (problem: string, closed: boolean): AccessFault => ({
  reason: 'InvalidTlsSecret',
  message:
    `the Secret of spec.access.tls cannot be used: ${problem}; it must hold tls.crt and tls.key in PEM, and the authority of clients ca.crt, as ` +
    `cert-manager makes them${closed ? '' : '; until then the certificate before it is used'}`,
  closed,
});

const apiKeysFault = ({ keys, problem = '' }: ApiKeys, alone: boolean): AccessFault => ({
  reason: 'InvalidApiKeys',
  message:
    `the Secret of spec.access.apiKeys: ${problem}; give each caller an entry with sha256:HEX of its key` +
    (keys.length === 0 ? '; until then no API key is let in' : ''),
  closed: keys.length === 0 && alone,
});

const issuerFault = (issuer: string, problem: string, closed: boolean): AccessFault => ({
  reason: 'IssuerUnavailable',
  message: `the keys of spec.access.oidc.issuer ${issuer} cannot be read, and no token is let in without them: ${problem}`,
  closed,
});
