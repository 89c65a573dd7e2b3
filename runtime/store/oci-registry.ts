import { looseObject, optional, safeParse, string } from 'valibot';
import { registryCredentials } from './docker-config.ts';
import {
  addressNotAllowed,
  denied,
  notFound,
  storeErrorIn,
  systemCode,
  unavailable,
  type StoreError,
} from './errors.ts';
import { discard, get, persistently, readWhole, type Answer, type Headers } from './http-client.ts';
import { jsonIn } from './json.ts';
import type { OciReference } from './oci-reference.ts';
import { quoted, type SourceContext } from './source.ts';

/** A repository of a registry, by the OCI distribution specification 1.1. */
export interface Registry {
  /** GET of a path below `/v2/REPOSITORY/`, authorised as the registry asks for it. */
  get(path: string, headers: Headers): Promise<Answer>;
  /** Why an answer with a status is none. */
  refused(status: number): StoreError;
}

/** The spec lets registries refuse larger manifests, so nobody makes one. */
const tokenBytes = 1024 * 1024;

const tokenSchema = looseObject({ token: optional(string()), access_token: optional(string()) });

export function openRegistry(reference: OciReference, context: SourceContext): Registry {
  const { origin, registry, repository } = reference;
  const { shown, storage, subject } = context;
  const config = storage.credentials['.dockerconfigjson'];
  const credentials = config === undefined ? undefined : registryCredentials(config, registry, repository, shown);
  const none = Promise.resolve(undefined);
  /** What the registry gave last. Several downloads at once ask for a token once. */
  let granted: Promise<string | undefined> = none;

  const refused = (status: number): StoreError => {
    if (status === 401 || status === 403) {
      const cure =
        credentials === undefined
          ? `Name a Secret in ${subject.field}.storage.credentialsSecretRef whose .dockerconfigjson has credentials for ${quoted(registry)}.`
          : `Check the credentials for ${quoted(registry)} in .dockerconfigjson of the credentials Secret, and that they may pull.`;
      return denied(`${shown}: the registry answered ${status}. ${cure}`);
    }
    if (status === 404)
      return notFound(
        `There is no ${subject.noun} at ${shown}: the registry has no such repository, tag or digest. Check ${subject.field}.uri.`,
      );
    return unavailable(`${shown}: the registry answered ${status}.`);
  };

  const unreachable = (error: unknown): unknown => {
    const code = systemCode(error);
    if (code === undefined || storeErrorIn(error) || context.signal.aborted) return error;
    return unavailable(
      `${shown}: no answer came from ${origin.origin} (${code}). A registry that speaks plain HTTP, or lies elsewhere, is named in ` +
        `${subject.field}.storage.endpoint, such as http://${registry}.`,
      error,
    );
  };

  /** The header that answers a challenge of the registry. */
  const authorize = async (challenge: string): Promise<string | undefined> => {
    const scheme = challenge.split(' ', 1)[0]?.toLowerCase();
    if (scheme === 'basic') return credentials === undefined ? undefined : `Basic ${credentials}`;
    if (scheme !== 'bearer') return undefined;
    const { realm, service } = parametersOf(challenge);
    const url = realmOf(realm, origin, shown);
    if (service !== undefined) url.searchParams.set('service', service);
    url.searchParams.set('scope', `repository:${repository}:pull`);
    return persistently(async () => {
      const answer = await get(
        url,
        credentials === undefined ? {} : { authorization: `Basic ${credentials}` },
        context,
      );
      if (answer.status !== 200) {
        discard(answer);
        throw refused(answer.status);
      }
      const parsed = safeParse(tokenSchema, jsonIn(await readWhole(answer, tokenBytes, context)));
      const token = parsed.success ? (parsed.output.token ?? parsed.output.access_token) : undefined;
      if (token === undefined || !/^[\x21-\x7e]+$/.test(token)) {
        throw unavailable(`${shown}: ${url.host}, which the registry names for tokens, answered without one.`);
      }
      return `Bearer ${token}`;
    }, context);
  };

  return {
    refused,
    async get(path, headers) {
      const url = new URL(`/v2/${repository}/${path}`, origin);
      const sent = granted;
      const ask = async (grant: Promise<string | undefined>): Promise<Answer> => {
        const authorization = await grant;
        const sending = { ...headers, ...(authorization !== undefined && { authorization }) };
        return get(url, sending, context).catch((error: unknown) => {
          throw unreachable(error);
        });
      };
      const answer = await ask(sent);
      const challenge = answer.header('www-authenticate');
      // A server that a redirect led to has no say in where our credentials go.
      if (answer.status !== 401 || challenge === undefined || answer.url.origin !== url.origin) return answer;
      discard(answer);
      if (granted === sent) {
        const renewed = authorize(challenge);
        granted = renewed;
        renewed.catch(() => (granted = none));
      }
      return ask(granted);
    },
  };
}

function parametersOf(challenge: string): Record<string, string> {
  const parts = challenge.matchAll(/([a-z_]+)=(?:"([^"]*)"|([^\s,"]+))/gi);
  return Object.fromEntries([...parts].map(([, name = '', quotedValue, value]) => [name, quotedValue ?? value ?? '']));
}

/** Where tokens are had. Its address is checked as any other when it is connected to. Throws StoreError. */
function realmOf(realm: string | undefined, origin: URL, shown: string): URL {
  const url = realm !== undefined && URL.canParse(realm) ? new URL(realm) : undefined;
  if (!url) throw unavailable(`${shown}: the registry asks for a token and does not say where to get one.`);
  if (!['http:', 'https:'].includes(url.protocol) || (origin.protocol === 'https:' && url.protocol !== 'https:')) {
    throw addressNotAllowed(
      `${shown}: the registry sends credentials from ${origin.protocol}// to ${url.protocol}//, which is not followed.`,
    );
  }
  return url;
}
