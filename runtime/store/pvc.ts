import { join } from 'node:path';
import { invalidModel } from './errors.ts';
import type { Scheme } from './source.ts';

/** `pvc://CLAIM/PATH`: a volume mounted by the kubelet, or a folder of that name on the laptop. */
export const pvc: Scheme = ({ url, shown, storage }) => {
  const claim = url.hostname;
  const path = decodeURIComponent(url.pathname);
  if (!/^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/.test(claim) || path.split('/').includes('..')) {
    return Promise.reject(invalidModel(`${shown} is no model URI: write pvc://CLAIM/PATH.`));
  }
  const root = join(storage.volumesDir, claim);
  return Promise.resolve({ kind: 'local', path: join(root, path), root });
};
