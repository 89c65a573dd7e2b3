const keys = 'apiKeys: { secretRef: { name: keys } }';
const badUrls = ['http://a.b', 'https://', 'https://u:p@a.b', 'https://a.b?c', 'https://a.b/#c', 'https://a b', 'a.b'];
const notUrl = 'must be an https URL without credentials, query and fragment';
const tls = 'secretRef: { name: t }, clientCaConfigMapRef: { name: c }';

/** The field of `spec`, what is said of it, a faulty `spec.access`, and the same made right. */
export const accessCases: readonly (readonly [field: string, says: string, faulty: string, right: string])[] = [
  ['spec.access', 'set at least one of spec.access.apiKeys, spec.access.oidc and spec.access.tls', '{}', `{ ${keys} }`],
  ...badUrls.flatMap((url) => {
    const right = "{ oidc: { issuer: 'https://a.b:8443/c/', audiences: [m], jwksUri: 'https://a.b/keys' } }";
    return [
      ['spec.access.oidc.issuer', notUrl, `{ oidc: { issuer: '${url}', audiences: [m] } }`, right],
      [
        'spec.access.oidc.jwksUri',
        notUrl,
        `{ oidc: { issuer: 'https://a.b', audiences: [m], jwksUri: '${url}' } }`,
        right,
      ],
    ] as const;
  }),
  [
    'spec.access.tls.clientCaConfigMapRef',
    'is for spec.access.tls.clientCertificates Required',
    `{ tls: { ${tls} } }`,
    `{ tls: { ${tls}, clientCertificates: Required } }`,
  ],
];
