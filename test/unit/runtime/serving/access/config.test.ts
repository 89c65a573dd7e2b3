import { expect, test } from '@jest/globals';
import { readAccessConfig } from '../../../../../runtime/access-config.ts';
import { servingEnv } from '../../../../../runtime/contract.ts';

test('without a word of access everybody may call, in the clear', () => {
  expect(readAccessConfig({})).toEqual({ apiKeysDir: undefined, oidc: undefined, tls: undefined });
});

test('the authority of clients is that of the certificate, unless another is named', () => {
  const tls = { [servingEnv.tlsDir]: '/tls', [servingEnv.clientCertificates]: 'Required' };
  expect(readAccessConfig(tls).tls).toEqual({ dir: '/tls', clientCertificates: 'Required', clientCaDir: '/tls' });
  expect(readAccessConfig({ ...tls, [servingEnv.clientCaDir]: '/ca' }).tls?.clientCaDir).toBe('/ca');
});

test('an issuer is read with what its tokens must say', () => {
  const oidc = { issuer: 'https://a.b', audiences: ['m'], requiredClaims: { team: 'a' } };
  const read = readAccessConfig({ [servingEnv.oidc]: JSON.stringify(oidc), [servingEnv.oidcCa]: 'PEM' });
  expect(read.oidc).toEqual({ ...oidc, ca: 'PEM' });
});

test.each([
  'https://a.b',
  '{}',
  '{"issuer":"http://a.b","audiences":["m"]}',
  '{"issuer":"https://a.b","audiences":[]}',
  '{"issuer":"https://a.b","audiences":[""]}',
  '{"issuer":"https://a.b","audiences":["m"],"jwksUri":"file:///keys"}',
  '{"issuer":"https://a.b","audiences":["m"],"requiredClaims":{"a":1}}',
])('%s is no issuer', (text) => {
  expect(() => readAccessConfig({ [servingEnv.oidc]: text })).toThrow(servingEnv.oidc);
});

test('a wish for certificates that is none is refused', () => {
  const environment = { [servingEnv.tlsDir]: '/tls', [servingEnv.clientCertificates]: 'Maybe' };
  expect(() => readAccessConfig(environment)).toThrow('None, Required');
});
