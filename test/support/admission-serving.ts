const claim = (name: string): string => `serving: { cache: { persistentVolumeClaim: { ${name} } } }`;
const torchServe = (rest: string): string => `serving: { torchServe: { ${rest} } }`;
const tokens = torchServe('tokenSecretRef: { name: tokens }');

/** Of `spec.serving`: what is said of which field, the faulty part of a spec, and the same made right. */
export const servingCases: readonly (readonly [says: string, faulty: string, right: string])[] = [
  [
    'spec.serving.torchServe: Invalid value: spec.serving.torchServe has tokens of its own',
    `${tokens}, access: { apiKeys: { secretRef: { name: keys } } }`,
    tokens,
  ],
  ['spec.serving.torchServe.tokenSecretRef: Required value', torchServe(''), tokens],
  ['spec.serving.torchServe.tokenSecretRef.name: ', torchServe("tokenSecretRef: { name: '' }"), tokens],
  [
    'spec.serving.cache.maxSize: Invalid value: ',
    'serving: { cache: { maxSize: 50 GB } }',
    'serving: { cache: { maxSize: 50Gi } }',
  ],
  ['spec.serving.cache.persistentVolumeClaim.claimName: Required value', claim(''), claim('claimName: models.cache')],
  [
    'spec.serving.cache.persistentVolumeClaim.claimName: Invalid value: ',
    claim('claimName: Models'),
    'serving: { cache: {} }',
  ],
];
