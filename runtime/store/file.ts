import { fileURLToPath } from 'node:url';
import { addressNotAllowed, invalid } from './errors.ts';
import type { LocalContext, LocalSource } from './source.ts';

/** `file:///PATH`: for laptops. */
export const file = ({ url, shown, storage, subject }: LocalContext): Promise<LocalSource> => {
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
