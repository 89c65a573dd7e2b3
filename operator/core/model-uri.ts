/** A model URI taken apart as far as the operator needs. */
export interface ModelUri {
  scheme: string;
  /** The PersistentVolumeClaim of a `pvc` URI. */
  claim?: string;
}

export function modelUri(uri: string): ModelUri {
  const [scheme = '', rest = ''] = uri.split('://', 2);
  const host = rest.split('/', 1)[0] ?? '';
  return scheme === 'pvc' ? { scheme, claim: host } : { scheme };
}
