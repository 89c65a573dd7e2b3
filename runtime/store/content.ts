import { join } from 'node:path';
import { invalid } from './errors.ts';
import { onlyFolder, type Found } from './folder.ts';
import type { Content, ContentRequest, StoreHooks } from './request.ts';
import { obtain } from './resolve.ts';
import { defaultLimits, type StoreLimits, type Subject } from './source.ts';

/** Images are files of their own. */
const contentLimits: StoreLimits = { ...defaultLimits, files: 1_000_000 };

/**
 * Gets whatever a URI names onto this machine: a file, a folder, or what an archive holds. The digest is that of a model's
 * content. Rejects with StoreError, or with the signal's reason.
 */
export function obtainContent(request: ContentRequest, hooks: StoreHooks): Promise<Content> {
  const { noun, field } = request;
  const subject: Subject = { noun, field, files: 'file', named: (name) => (name === '' ? 'folder' : 'either') };
  const limits = { ...contentLimits, ...request.limits };
  return obtain(subject, pick, { ...request, digest: undefined, pinnedDigest: undefined, limits }, hooks);
}

function pick(found: Found, shown: string): Omit<Content, 'digest'> {
  const [first] = found.files;
  if (first === undefined) throw invalid(`${shown} holds no file.`);
  if (found.kind === 'file') return { path: join(found.folder, first) };
  const inner = found.kind === 'archive' ? onlyFolder(found) : undefined;
  return { path: (inner ?? found).folder };
}
