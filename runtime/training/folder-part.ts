import type { WritableFolder } from '../store/writable-folder.ts';

/** What lies below a prefix, as a folder of its own. Closing it closes nothing. */
export function folderPart(folder: WritableFolder, prefix: string): WritableFolder {
  return {
    uri: `${folder.uri}/${prefix.replace(/\/$/, '')}`,
    read: (path) => folder.read(prefix + path),
    readRange: (path, from, to) => folder.readRange(prefix + path, from, to),
    write: (path, parts) => folder.write(prefix + path, parts),
    create: (path, content) => folder.create(prefix + path, content),
    list: async (below) => (await folder.list(prefix + below)).map((path) => path.slice(prefix.length)),
    remove: (path) => folder.remove(prefix + path),
    close: () => Promise.resolve(),
  };
}
