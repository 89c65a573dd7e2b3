import 'reflect-metadata';
import {
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  PemConverter,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import type { Authority, Identity } from '../../cluster/certificates.ts';
import type { ClientTls } from '../../support/raw-calls.ts';

interface CertificateLoot {
  /** The one that signs servers and clients. */
  authority: Authority;
  /** One of the attacker's, under the same name. */
  stranger: Authority;
  /** That is let in. */
  client: Identity;
  servername: string;
}

export interface CertificateAttack {
  name: string;
  /** Undefined: in the clear. */
  tls: (loot: CertificateLoot) => Promise<ClientTls | undefined> | ClientTls | undefined;
}

const dayMs = 86_400_000;
const from = (days: number, to: number): { notBefore: Date; notAfter: Date } => ({
  notBefore: new Date(Date.now() + days * dayMs),
  notAfter: new Date(Date.now() + to * dayMs),
});

const showing = (
  name: string,
  identity: (loot: CertificateLoot) => Promise<Identity> | Identity,
): CertificateAttack => ({
  name,
  tls: async (loot) => {
    const { certificate, key } = await identity(loot);
    return { ca: loot.authority.certificate, cert: certificate, key, servername: loot.servername };
  },
});

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** A certificate for clients under a good name, signed by one that may sign nothing, or by itself; with those that led to it. */
async function signedBy(issuer: Identity | undefined): Promise<Identity> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const [issuerKey] = PemConverter.decode(issuer?.key ?? '');
  const certificate = await X509CertificateGenerator.create({
    ...from(-0.1, 1),
    serialNumber: '01aa',
    subject: 'CN=carol',
    issuer: issuer ? new X509Certificate(issuer.certificate).subject : 'CN=carol',
    publicKey: keys.publicKey,
    signingKey: issuerKey
      ? await crypto.subtle.importKey('pkcs8', issuerKey, algorithm, false, ['sign'])
      : keys.privateKey,
    signingAlgorithm: algorithm,
    extensions: [new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth])],
  });
  const chain = [certificate.toString('pem'), ...(issuer ? [issuer.certificate] : [])].join('\n');
  const key = PemConverter.encode(await crypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY');
  return { certificate: chain, key };
}

const lowest = 'DEFAULT@SECLEVEL=0';

/** A client with a good certificate that speaks only one version of TLS. */
const speaking = (name: string, version: 'TLSv1' | 'TLSv1.1'): CertificateAttack => ({
  name,
  tls: ({ authority, client, servername }) => ({
    ca: authority.certificate,
    cert: client.certificate,
    key: client.key,
    servername,
    minVersion: version,
    maxVersion: version,
    ciphers: lowest,
  }),
});

export const certificateAttacks: readonly CertificateAttack[] = [
  { name: 'no certificate', tls: ({ authority, servername }) => ({ ca: authority.certificate, servername }) },
  { name: 'no TLS', tls: () => undefined },
  showing('a certificate of another authority of the same name', ({ stranger }) => stranger.client('carol')),
  showing('the certificate of another authority itself', ({ stranger }) => stranger),
  showing('an expired certificate', ({ authority }) => authority.client('carol', [], from(-1, -0.01))),
  showing('a certificate that is not valid yet', ({ authority }) => authority.client('carol', [], from(0.5, 1))),
  showing('a certificate for servers alone', ({ authority }) => authority.server(['carol'])),
  showing('a certificate signed by itself', () => signedBy(undefined)),
  showing('a certificate signed by a client', ({ client }) => signedBy(client)),
  speaking('TLS 1.0', 'TLSv1'),
  speaking('TLS 1.1', 'TLSv1.1'),
];
