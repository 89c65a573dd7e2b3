import { errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from 'jose';
import type { OidcSettings } from '../../contract.ts';
import { RequestError } from '../../errors.ts';
import { unauthenticated } from './credential.ts';
import { IssuerUnavailable } from './issuer-keys.ts';

/** Asymmetric ones alone: whoever can read a public key could sign with it as a shared secret. */
const algorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];

/** How far clocks may be apart. */
const leewaySeconds = 30;

const retryAfterSeconds = 5;

/**
 * Whose token it is: its subject. Rejects with RequestError: `Unauthenticated` where it is not valid here, `Forbidden` where it lacks a
 * claim, `NotReady` where the issuer cannot be asked.
 *
 * @param now milliseconds since the epoch
 */
export async function callerWithToken(
  token: string,
  { issuer, audiences, requiredClaims = {} }: OidcSettings,
  key: JWTVerifyGetKey,
  now: () => number,
): Promise<string> {
  const { payload } = await jwtVerify(token, key, {
    algorithms,
    issuer,
    audience: audiences,
    // jose checks it only where it is there.
    requiredClaims: ['exp'],
    clockTolerance: leewaySeconds,
    currentDate: new Date(now()),
  }).catch((error: unknown) => {
    throw refusalOf(error);
  });
  const missing = Object.entries(requiredClaims).find(([claim, value]) => !holds(payload, claim, value));
  if (missing) throw new RequestError('Forbidden', `the token's claim ${missing[0]} does not allow it`);
  return payload.sub ?? 'unnamed';
}

/** What is said of a token's content is said of one whose signature was right. */
function refusalOf(error: unknown): unknown {
  if (error instanceof IssuerUnavailable) {
    return new RequestError(
      'NotReady',
      'tokens cannot be checked now: their issuer does not answer',
      retryAfterSeconds,
    );
  }
  if (error instanceof errors.JWTExpired) return unauthenticated('the token has expired');
  if (error instanceof errors.JWTClaimValidationFailed)
    return unauthenticated(`the token's claim ${error.claim} is not accepted here`);
  // The last two come of an issuer's key that cannot be used.
  if (error instanceof errors.JOSEError || error instanceof TypeError || error instanceof DOMException)
    return unauthenticated('the API key or token is not valid');
  return error;
}

function holds(payload: JWTPayload, claim: string, value: string): boolean {
  const given = payload[claim];
  return given === value || (Array.isArray(given) && given.includes(value));
}
