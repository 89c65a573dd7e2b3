import { RequestError } from '../../errors.ts';

/** What a request says of who sends it. */
export interface Credential {
  header: 'authorization' | 'x-api-key';
  value: string;
}

/** Of a token or a key, in characters; a header of HTTP/1.1 holds no more than twice as much. */
const maxLength = 8_192;

export const unauthenticated = (message: string): RequestError => new RequestError('Unauthenticated', message);

/**
 * The only credential of a request. With two of them, which one counts would differ between servers on its way. Throws RequestError
 * `Unauthenticated`.
 *
 * @param rawHeaders names and values in turn, as they came
 */
export function credentialIn(rawHeaders: readonly string[]): Credential {
  const given: Credential[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const header = rawHeaders[index]?.toLowerCase();
    const value = rawHeaders[index + 1];
    if ((header === 'authorization' || header === 'x-api-key') && value !== undefined) given.push({ header, value });
  }
  const [credential, ...others] = given;
  if (credential === undefined)
    throw unauthenticated('Authorization: is missing; send "Bearer" and an API key or a token');
  if (others.length > 0) throw unauthenticated('Authorization: send one header, with one API key or token');
  const value = credential.header === 'x-api-key' ? credential.value : bearerIn(credential.value);
  if (!/^[!-~]+$/.test(value) || value.length > maxLength) {
    throw unauthenticated(`${named(credential)}: must hold 1 to ${maxLength} visible characters of ASCII`);
  }
  return { header: credential.header, value };
}

function bearerIn(value: string): string {
  const [, bearer] = /^bearer +(.*)$/is.exec(value) ?? [];
  if (bearer === undefined) throw unauthenticated('Authorization: must be "Bearer" and an API key or a token');
  return bearer;
}

const named = ({ header }: Credential): string => (header === 'authorization' ? 'Authorization' : 'X-API-Key');
