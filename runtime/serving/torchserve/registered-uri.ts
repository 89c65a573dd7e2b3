import { realpath } from 'node:fs/promises';
import { dirname, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { servedSchemes } from '../../contract.ts';
import { badRequest, TorchServeError } from './errors.ts';

const schemes: readonly string[] = [...servedSchemes, 'file'];

/** As in a spec. */
const maxLength = 1_024;

/**
 * The URI of a model that a client has registered. Which addresses may be read is for the store to say; this refuses what a spec could not
 * name either, and files anywhere but beside the models that the spec names. Rejects with TorchServeError.
 *
 * @param specUris of the models that the spec names
 */
export async function checkedUri(given: string | undefined, specUris: readonly string[]): Promise<URL> {
  if (given === undefined) throw badRequest('Parameter url is required.');
  if (given.length > maxLength || /[\s\\\p{Cc}]/u.test(given))
    throw badRequest(
      `url: must be at most ${maxLength} characters, without spaces, backslashes and control characters`,
    );
  const scheme = /^([a-z0-9]+):\/\//.exec(given)?.[1];
  if (scheme === undefined || !schemes.includes(scheme) || !URL.canParse(given))
    throw badRequest(`url: must be a URI with one of the schemes ${schemes.join(', ')}, such as hf://ORG/NAME`);
  if (/(^|[/\\]|%2f|%5c)(\.|%2e){2}($|[/\\?#]|%2f|%5c)/i.test(given))
    throw badRequest("url: must not hold a '..' segment");
  const url = new URL(given);
  if (url.username !== '' || url.password !== '')
    throw badRequest(
      'url: must not carry credentials; deploy a model that needs some by a ModelDeployment with a Secret',
    );
  if (/\.(mar|war|zip|jar|pt|pth)$/i.test(url.pathname))
    throw new TorchServeError(
      400,
      'InvalidModelException',
      'url: archives for TorchServe hold code for PyTorch, which is not run here; export the model with torch.onnx.export and register the .onnx file',
    );
  if (scheme === 'file') await requireBeside(url, specUris);
  return url;
}

/** TorchServe reads files of its model store alone; here that is the folder in which a model of the spec lies. */
async function requireBeside(url: URL, specUris: readonly string[]): Promise<void> {
  const refused = new TorchServeError(
    400,
    'BadRequestException',
    'url: a file must lie in the folder that holds a model of the spec, and the spec must name that by a file URI',
  );
  const folders = specUris.flatMap((uri) => (uri.startsWith('file://') ? dirname(fileURLToPath(uri)) : []));
  const path = (() => {
    try {
      return fileURLToPath(url);
    } catch {
      throw refused;
    }
  })();
  const isWithin = (file: string, folder: string): boolean => file.startsWith(`${folder}${sep}`);
  // What is elsewhere is refused before anything tells whether it is there.
  const folder = folders.find((each) => isWithin(path, each));
  if (folder === undefined) throw refused;
  const [real, realFolder] = await Promise.all([realpath(path), realpath(folder)]).catch(() => {
    throw new TorchServeError(404, 'ModelNotFoundException', `Model not found at: ${url.href}`);
  });
  if (!isWithin(real, realFolder)) throw refused;
}
