import { createPrivateKey, sign, type KeyObject } from 'node:crypto';
import { looseObject, optional, pipe, regex, safeParse, string } from 'valibot';
import { denied, unavailable } from './errors.ts';
import { discard, persistently, postForm, readWhole, type HttpContext } from './http-client.ts';
import { jsonIn } from './json.ts';

const scope = 'https://www.googleapis.com/auth/devstorage.read_only';
const grantType = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const tokenSeconds = 3600;
/** A token is renewed so long before its end. */
const marginMs = 60_000;
const answerBytes = 64 * 1024;

const keySchema = looseObject({
  client_email: string(),
  private_key: string(),
  private_key_id: optional(string()),
  token_uri: optional(pipe(string(), regex(/^https?:\/\/[^\s@]+$/)), 'https://oauth2.googleapis.com/token'),
});
const answerSchema = looseObject({ access_token: pipe(string(), regex(/^[\x21-\x7e]+$/)) });

/** Gives access tokens for a service account. Rejects with StoreError. */
export interface TokenSource {
  token(): Promise<string>;
}

/**
 * Exchanges assertions signed with a service account's key for tokens that may read: RFC 7523, as Google documents it for service
 * accounts.
 *
 * @param keyFile what the JSON file of the key holds
 * @param now milliseconds since the epoch
 */
export function serviceAccountTokens(keyFile: string, now: () => number, context: HttpContext): TokenSource {
  const { shown } = context;
  const parsed = safeParse(keySchema, jsonIn(Buffer.from(keyFile)));
  const key = parsed.success ? privateKey(parsed.output.private_key) : undefined;
  if (!parsed.success || key === undefined) {
    throw denied(
      `${shown}: gcloud-application-credentials.json in the credentials Secret is no key of a service account, whose JSON has ` +
        'client_email and private_key. Create one by `gcloud iam service-accounts keys create`.',
    );
  }
  const { client_email: account, private_key_id: keyId, token_uri: tokenUri } = parsed.output;
  let held: Promise<string> | undefined;
  let endsMs = 0;

  const exchange = (): Promise<string> =>
    persistently(async () => {
      const issued = Math.floor(now() / 1000);
      const claims = { iss: account, scope, aud: tokenUri, iat: issued, exp: issued + tokenSeconds };
      const header = { alg: 'RS256', typ: 'JWT', ...(keyId !== undefined && { kid: keyId }) };
      const form = { grant_type: grantType, assertion: signed(header, claims, key) };
      const answer = await postForm(new URL(tokenUri), form, context);
      if (answer.status >= 400 && answer.status < 500 && answer.status !== 429) {
        discard(answer);
        throw denied(
          `${shown}: the token server answered ${answer.status}. Check that the key of ${account} in the credentials Secret was not ` +
            "removed, and the machine's clock.",
        );
      }
      const token = safeParse(answerSchema, jsonIn(await readWhole(answer, answerBytes, context)));
      if (!token.success) throw unavailable(`${shown}: the token server answered ${answer.status} without a token.`);
      return token.output.access_token;
    }, context);

  return {
    token() {
      if (held === undefined || now() > endsMs) {
        endsMs = now() + tokenSeconds * 1000 - marginMs;
        held = exchange();
        held.catch(() => (held = undefined));
      }
      return held;
    },
  };
}

function privateKey(pem: string): KeyObject | undefined {
  try {
    const key = createPrivateKey(pem);
    return key.asymmetricKeyType === 'rsa' ? key : undefined;
  } catch {
    return undefined;
  }
}

function signed(header: object, claims: object, key: KeyObject): string {
  const encoded = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${encoded}.${sign('sha256', Buffer.from(encoded), key).toString('base64url')}`;
}
