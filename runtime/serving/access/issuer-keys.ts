import { createLocalJWKSet, errors, type JWTVerifyGetKey } from 'jose';
import * as v from 'valibot';

export interface IssuerOptions {
  issuer: string;
  /** Absent: what the issuer's discovery document names. */
  jwksUri: string | undefined;
  /** Gets JSON; whatever it throws means that the issuer does not answer. */
  getJson: (url: URL) => Promise<unknown>;
  /** Milliseconds since the epoch. */
  now: () => number;
}

/** The keys of an issuer cannot be had. The message says why. */
export class IssuerUnavailable extends Error {
  override readonly name = 'IssuerUnavailable';
  readonly code = 'IssuerUnavailable';
}

/** How long keys are used before they are read again. */
const maxAgeMs = 600_000;
/** A token with an unknown key has them read again no more often than this: anybody can make one up. */
const rotationMs = 30_000;
/** An issuer that did not answer is left alone for so long. */
const afterFailureMs = 5_000;

const discoveryDocument = v.object({ issuer: v.string(), jwks_uri: v.string() });

/** Keys that jose takes or leaves one by one. */
const keySet = v.object({ keys: v.array(v.looseObject({ kty: v.string() })) });

/** The public keys of an issuer, read when they are first needed. */
export class IssuerKeys {
  readonly #options: IssuerOptions;
  #known: { find: JWTVerifyGetKey; readAtMs: number } | undefined;
  #failure: { error: IssuerUnavailable; atMs: number; isOfNew: boolean } | undefined;
  #reading: Promise<JWTVerifyGetKey> | undefined;

  constructor(options: IssuerOptions) {
    this.#options = options;
  }

  /**
   * Why the keys could not be read when that was last tried. Where only a new key was looked for, which anybody can make up, it is forgotten
   * after half a minute: nothing but such a token would try again.
   */
  get problem(): string | undefined {
    if (!this.#failure) return undefined;
    const { error, atMs, isOfNew } = this.#failure;
    return isOfNew && this.#options.now() - atMs >= rotationMs ? undefined : error.message;
  }

  /** There are keys that may be used. */
  get areKnown(): boolean {
    return this.#known !== undefined && this.#options.now() - this.#known.readAtMs < maxAgeMs;
  }

  /** The key that a token names. Rejects with IssuerUnavailable, or with jose's error where the issuer has no such key. */
  readonly find: JWTVerifyGetKey = async (header, token) => {
    const find = await this.#notOlderThan(maxAgeMs);
    try {
      return await find(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
    }
    return (await this.#notOlderThan(rotationMs))(header, token);
  };

  async #notOlderThan(ageMs: number): Promise<JWTVerifyGetKey> {
    const nowMs = this.#options.now();
    if (this.#known && nowMs - this.#known.readAtMs < ageMs) return this.#known.find;
    if (this.#failure && nowMs - this.#failure.atMs < afterFailureMs) throw this.#failure.error;
    this.#reading ??= this.#read().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  async #read(): Promise<JWTVerifyGetKey> {
    const { now, getJson } = this.#options;
    try {
      const keys = v.parse(keySet, await getJson(await this.#keysUrl()));
      const find = createLocalJWKSet(keys);
      this.#known = { find, readAtMs: now() };
      this.#failure = undefined;
      return find;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#failure = { error: new IssuerUnavailable(why, { cause: error }), atMs: now(), isOfNew: this.areKnown };
      throw this.#failure.error;
    }
  }

  async #keysUrl(): Promise<URL> {
    const { issuer, jwksUri, getJson } = this.#options;
    if (jwksUri !== undefined) return new URL(jwksUri);
    const url = new URL(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`);
    const document = v.parse(discoveryDocument, await getJson(url));
    if (document.issuer !== issuer)
      throw new Error(`its discovery document is that of the issuer ${JSON.stringify(document.issuer.slice(0, 200))}`);
    if (!URL.canParse(document.jwks_uri) || new URL(document.jwks_uri).protocol !== 'https:')
      throw new Error('its discovery document names no https address of keys');
    return new URL(document.jwks_uri);
  }
}
