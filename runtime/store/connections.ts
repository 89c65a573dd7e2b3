import { lookup as resolveName, type LookupAddress } from 'node:dns';
import { Agent as HttpAgent, type ClientRequestArgs } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import type { Duplex } from 'node:stream';
import { rootCertificates } from 'node:tls';
import { Agent, buildConnector, type Dispatcher } from 'undici';
import { parseRanges, refusal, type Ranges } from './addresses.ts';
import { addressNotAllowed } from './errors.ts';
import type { StoreLimits } from './source.ts';

/**
 * The only ways out of the store. Each checks the address that it connects to at the moment of connecting, so that a
 * name which resolves to something else the second time gains nothing.
 */
export interface Connections {
  /** For undici. */
  dispatcher: Dispatcher;
  /** For clients built on node:http. */
  httpAgent: HttpAgent;
  httpsAgent: HttpsAgent;
  close(): Promise<void>;
}

export function openConnections(cidrs: readonly string[], ca: string | undefined, limits: StoreLimits): Connections {
  const allowed = parseRanges(cidrs);
  const lookup = checkedLookup(allowed);
  const trusted = ca === undefined ? {} : { ca: [...rootCertificates, ca] };
  const literalRefusal = (host: string): Error | undefined => {
    const bare = host.replace(/^\[|\]$/g, '');
    return isIP(bare) === 0 ? undefined : refusal(bare, bare, allowed);
  };
  const connector = buildConnector({ timeout: limits.connectTimeoutMs, lookup, ...trusted });
  const dispatcher = new Agent({
    headersTimeout: limits.stallTimeoutMs,
    bodyTimeout: limits.stallTimeoutMs,
    connect: (options, callback) => {
      const refused = literalRefusal(options.hostname);
      if (refused) callback(refused, null);
      else connector(options, callback);
    },
  });
  const guard = <T extends HttpAgent>(agent: T): T => {
    const create = agent.createConnection.bind(agent);
    agent.createConnection = (options: ClientRequestArgs, callback): Duplex | null | undefined => {
      const refused = literalRefusal(options.host ?? options.hostname ?? '');
      if (refused) throw refused;
      return create({ ...options, lookup }, callback);
    };
    return agent;
  };
  const httpAgent = guard(new HttpAgent({ keepAlive: true }));
  const httpsAgent = guard(new HttpsAgent({ keepAlive: true, ...trusted }));
  return {
    dispatcher,
    httpAgent,
    httpsAgent,
    async close() {
      httpAgent.destroy();
      httpsAgent.destroy();
      await dispatcher.destroy();
    },
  };
}

/** Resolves a name as the system does, and fails where one of its addresses is refused. */
function checkedLookup(allowed: Ranges): LookupFunction {
  return (hostname, options, callback) => {
    resolveName(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
      if (error) {
        callback(error, []);
        return;
      }
      const refused = addresses.map(({ address }) => refusal(hostname, address, allowed)).find(Boolean);
      const first = addresses[0];
      if (refused) callback(refused, []);
      else if (!first) callback(addressNotAllowed(`${hostname} has no address.`), []);
      else if (options.all) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
}
