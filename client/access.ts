import { ModelClientError } from './errors.ts';

/** Who calls, and whom it trusts. */
export interface ClientAccess {
  /** Of `spec.access.apiKeys`. */
  apiKey?: string;
  /** Of the issuer of `spec.access.oidc`. As such tokens expire, it may be what gives one for each call. */
  token?: string | (() => string | Promise<string>);
  /** Over gRPC its presence, be it empty, means TLS; over REST the URL says so. */
  tls?: ClientTls;
}

export interface ClientTls {
  /** PEM of authorities to trust instead of the public ones. */
  ca?: string | Buffer;
  /** PEM, for `clientCertificates: Required`; with `key`. */
  certificate?: string | Buffer;
  key?: string | Buffer;
  /** What the server's certificate must be for, where it is reached by another name. */
  serverName?: string;
}

/** The headers of a call. Rejects with ModelClientError. */
export async function accessHeaders({ apiKey, token }: ClientAccess): Promise<Record<string, string>> {
  if (apiKey !== undefined && token !== undefined)
    throw new ModelClientError('InvalidArgument', 'apiKey, token: give one of them; servers refuse both at once');
  if (apiKey !== undefined) return { 'x-api-key': apiKey };
  if (token === undefined) return {};
  try {
    return { authorization: `Bearer ${typeof token === 'string' ? token : await token()}` };
  } catch (error) {
    throw new ModelClientError('Unauthenticated', 'token: none could be had', { cause: error });
  }
}
