import { fileURLToPath } from 'node:url';
import { addressNotAllowed, invalid } from './errors.ts';
import type { Scheme } from './source.ts';

/** `file:///PATH`: for laptops. */
export const file: Scheme = ({ url, shown, storage, subject }) => {
  if (!storage.allowFileUris) {
    return Promise.reject(
      addressNotAllowed(
        `${shown}: file URIs work on a laptop only. Put the ${subject.noun} on a volume and name it pvc://CLAIM/PATH.`,
      ),
    );
  }
  if (url.host !== '') return Promise.reject(invalid(`${shown} is no file of this machine: write file:///PATH.`));
  return Promise.resolve({ kind: 'local', path: fileURLToPath(url), root: '/' });
};
