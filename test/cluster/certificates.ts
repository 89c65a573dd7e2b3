import 'reflect-metadata';
import { randomBytes, type webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
  type X509Certificate,
} from '@peculiar/x509';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const dayMs = 86_400_000;

/** A certificate and its private key, both PEM. */
export interface Identity {
  certificate: string;
  key: string;
}

/** A certificate authority that lives as long as one test cluster. */
export interface Authority {
  /** PEM. */
  certificate: string;
  /** PEM. */
  key: string;
  /** For a TLS server at these names and addresses. */
  server(names: string[]): Promise<Identity>;
  /** For both ends of mutual TLS. */
  peer(names: string[]): Promise<Identity>;
  /** For a client that the API server takes for this user in these groups. */
  client(user: string, groups?: string[], validity?: Validity): Promise<Identity>;
}

interface Validity {
  notBefore: Date;
  notAfter: Date;
}

async function pemOf(key: webcrypto.CryptoKey): Promise<string> {
  return PemConverter.encode(await crypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}

/** Makes a certificate authority, valid from an hour before `now` for two days. */
export async function certificateAuthority(now: Date, name = 'modelyard-test'): Promise<Authority> {
  const validity = { notBefore: new Date(now.getTime() - dayMs / 24), notAfter: new Date(now.getTime() + 2 * dayMs) };
  const newKeys = () => crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const serial = () => `01${randomBytes(15).toString('hex')}`;
  const keys = await newKeys();
  const root: X509Certificate = await X509CertificateGenerator.createSelfSigned({
    ...validity,
    serialNumber: serial(),
    name: `CN=${name}`,
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.digitalSignature, true),
    ],
  });

  const issue = async (
    subject: Record<string, string[]>[],
    usages: ExtendedKeyUsage[],
    sans: string[],
    within: Validity = validity,
  ): Promise<Identity> => {
    const own = await newKeys();
    const certificate = await X509CertificateGenerator.create({
      ...within,
      serialNumber: serial(),
      subject,
      issuer: root.subject,
      publicKey: own.publicKey,
      signingKey: keys.privateKey,
      signingAlgorithm: algorithm,
      extensions: [
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension(usages),
        ...(sans.length === 0
          ? []
          : [
              new SubjectAlternativeNameExtension(
                sans.map((value) => ({ type: /^[\d.]+$|:/.test(value) ? ('ip' as const) : ('dns' as const), value })),
              ),
            ]),
      ],
    });
    return { certificate: certificate.toString('pem'), key: await pemOf(own.privateKey) };
  };

  return {
    certificate: root.toString('pem'),
    key: await pemOf(keys.privateKey),
    server: (names) => issue([{ CN: ['modelyard-test-server'] }], [ExtendedKeyUsage.serverAuth], names),
    peer: (names) =>
      issue([{ CN: ['modelyard-test-peer'] }], [ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth], names),
    client: (user, groups = [], within = validity) =>
      issue([...groups.map((group) => ({ O: [group] })), { CN: [user] }], [ExtendedKeyUsage.clientAuth], [], within),
  };
}
