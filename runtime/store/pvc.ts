import { join } from 'node:path';
import { invalid } from './errors.ts';
import type { LocalContext, LocalSource } from './source.ts';

/** `pvc://CLAIM/PATH`: a volume mounted by the kubelet, or a folder of that name on the laptop. */
export const pvc = ({ url, shown, storage, subject }: LocalContext): Promise<LocalSource> => {
  const claim = url.hostname;
  const path = decodeURIComponent(url.pathname);
  if (!/^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/.test(claim) || path.split('/').includes('..')) {
    return Promise.reject(invalid(`${shown} names no ${subject.noun} on a volume: write pvc://CLAIM/PATH.`));
  }
  const root = join(storage.volumesDir, claim);
  return Promise.resolve({ kind: 'local', path: join(root, path), root });
};
