import { link, lstat, rename, rm, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { denied, full, invalid, storeErrorIn, systemCode, unavailable, unsupported } from './errors.ts';
import { bytesOf, listFiles, openFile, sweep, withTemporary } from './directory-files.ts';
import { findFolder, makeFolder, removeEmpty, realFolder } from './directory-folders.ts';
import { sync } from './owner.ts';
import { quoted, type LocalSource } from './source.ts';
import type { WritableFolder } from './writable-folder.ts';
import { requirePath, type WritablePlace } from './writable-place.ts';

/** How often a file is written whose folder somebody else removes with its last file. */
const tries = 5;

/** A directory as a folder that is written to: files come into being whole, by a rename or a hard link. */
export async function openDirectory(place: WritablePlace, source: LocalSource): Promise<WritableFolder> {
  const { uri, signal } = place;
  const act = async <T>(path: string, use: () => Promise<T>): Promise<T> => {
    signal.throwIfAborted();
    try {
      return await use();
    } catch (error) {
      throw explained(error, uri, path);
    }
  };
  const folder = await act('', async () => {
    const volume = await realFolder(source.root);
    if (volume === undefined) throw unavailable(`${uri}: there is no such volume in this pod.`);
    const found = await makeFolder(volume, source.path.slice(source.root.length), uri);
    await requireLinks(found, place);
    return found;
  });
  const swept = new Set<string>();

  const inFolderOf = async <T>(path: string, use: (parent: string, target: string) => Promise<T>): Promise<T> => {
    for (let at = 1; ; at++) {
      try {
        const parent = await makeFolder(folder, dirname(path), uri);
        if (!swept.has(parent)) await sweep(parent, place.now());
        swept.add(parent);
        return await use(parent, join(parent, basename(path)));
      } catch (error) {
        if (systemCode(error) !== 'ENOENT' || at === tries) throw error;
      }
    }
  };
  const readPart = async (path: string, part: (size: number) => [number, number]): Promise<Uint8Array | undefined> => {
    const parent = await findFolder(folder, dirname(path), uri);
    const handle = parent === undefined ? undefined : await openFile(join(parent, basename(path)), `${uri}/${path}`);
    if (!handle) return undefined;
    try {
      const status = await handle.stat();
      return status.isFile() ? await bytesOf(handle, ...part(status.size)) : undefined;
    } finally {
      await handle.close();
    }
  };
  const actOnFile = <T>(path: string, use: () => Promise<T>): Promise<T> =>
    act(path, () => {
      requirePath(path, uri);
      return use();
    });

  return {
    uri,
    read: (path) => actOnFile(path, () => readPart(path, (size) => [0, size])),
    readRange: (path, from, to) => actOnFile(path, () => readPart(path, (size) => [from, Math.min(to, size)])),
    write: (path, parts) =>
      actOnFile(path, () =>
        inFolderOf(path, (parent, target) =>
          withTemporary(parent, parts, async (temporary) => {
            signal.throwIfAborted();
            await rename(temporary, target);
            await sync(parent);
          }),
        ),
      ),
    create: (path, content) =>
      actOnFile(path, () =>
        inFolderOf(path, async (parent, target) => {
          if (await isThere(target)) return false;
          return withTemporary(parent, [content], async (temporary) => {
            signal.throwIfAborted();
            const created = await linked(temporary, target);
            if (created) await sync(parent);
            return created;
          });
        }),
      ),
    list: (prefix) => act(prefix, () => listFiles(folder, prefix, uri)),
    remove: (path) =>
      actOnFile(path, async () => {
        const parent = await findFolder(folder, dirname(path), uri);
        if (parent === undefined) return;
        await unlink(join(parent, basename(path))).catch(ignoreNoFile);
        await removeEmpty(parent, folder);
      }),
    close: () => Promise.resolve(),
  };
}

function ignoreNoFile(error: unknown): void {
  if (!['ENOENT', 'ENOTDIR', 'EISDIR'].includes(systemCode(error) ?? '')) throw error;
}

async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    (error: unknown) => {
      if (systemCode(error) === 'ENOENT') return false;
      throw error;
    },
  );
}

/** Gives a file a second name that must not exist yet; false where it does. */
async function linked(file: string, name: string): Promise<boolean> {
  try {
    await link(file, name);
    return true;
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
    // A network file system may repeat a link that it made: then the name that exists is ours.
    return (await lstat(file)).nlink > 1;
  }
}

async function requireLinks(folder: string, { uri, field }: WritablePlace): Promise<void> {
  await withTemporary(folder, [], async (temporary) => {
    const second = `${temporary}.link`;
    try {
      await link(temporary, second);
    } catch (error) {
      if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(systemCode(error) ?? '')) throw error;
      throw unsupported(
        `${uri}: the volume's file system has no hard links, so that nothing on it can be created exactly once. Name a ` +
          `volume of another storage class, or a bucket (s3://BUCKET/PREFIX), in ${field}.uri.`,
      );
    } finally {
      await rm(second, { force: true });
    }
  });
}

function explained(error: unknown, uri: string, path: string): unknown {
  const own = storeErrorIn(error);
  if (own) return own;
  const code = systemCode(error);
  const where = path === '' ? uri : `${uri}/${path}`;
  switch (code) {
    case undefined:
      return error;
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return full(`There is no room for ${where} (${code}). Remove what nobody needs, or give the volume more.`, error);
    case 'EROFS':
      return denied(`${where} cannot be written: the volume is mounted read-only.`);
    case 'EACCES':
    case 'EPERM':
      return denied(`${where} may not be read and written by the user that the runtime runs as.`);
    case 'EISDIR':
    case 'ENOTDIR':
      return invalid(`${uri}: ${quoted(path)} is a folder, or lies in a file.`);
    case 'ENOENT':
      return unavailable(`${uri} was removed.`, error);
    default:
      return unavailable(`${where} cannot be read or written (${code}).`, error);
  }
}
