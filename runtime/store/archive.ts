import { createReadStream } from 'node:fs';
import { mkdir, open, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { extract, type Extract, type Header } from 'tar-stream';
import { archiveRefused, storeErrorIn, systemCode } from './errors.ts';
import { pathProblem, quoted, type Compression, type StoreLimits } from './source.ts';

/** What any archive may unpack to, however small it is. */
const freeBytes = 64 * 1024 * 1024;

/** A tar archive. */
export interface Packed {
  path: string;
  compression: Compression;
  /** Where in the folder an entry comes to lie, by its path in the archive; undefined: it is passed over. Absent: all lie as they are. */
  select?: (path: string) => string | undefined;
}

const decompressors = { gzip: createGunzip, zstd: createZstdDecompress };

/** What an entry takes in an archive, beside its content. */
const headerBytes = 512;

/** What all the headers of an entry and the padding of its content may take: a long path takes three of them. */
const entryBytes = 8 * 1024;

/** What an archive may end in, beside its last entry. */
const endBytes = 1024 * 1024;

/**
 * Unpacks an archive into an empty folder and gives the paths of its files. Rejects with StoreError, naming the entry, at the
 * first that is no plain file or folder of its own name inside the folder, and is not passed over.
 */
export async function unpack(
  { path: archive, compression, select = (path) => path }: Packed,
  folder: string,
  shown: string,
  limits: StoreLimits,
  signal: AbortSignal,
): Promise<string[]> {
  const maxBytes = Math.min(limits.bytes, freeBytes + (await stat(archive)).size * limits.archiveRatio);
  const seen = new Map<string, 'file' | 'directory'>();
  let entries = 0;
  let entriesRead = 0;
  let bytes = 0;
  let bytesRead = 0;

  const accept = (header: Header): { path: string; type: 'file' | 'directory' } | undefined => {
    const refuse = (why: string): Error => archiveRefused(`${shown}: the entry ${quoted(header.name)} ${why}.`);
    const type = header.type === 'contiguous-file' ? 'file' : header.type;
    const name = header.name.replace(/^(\.\/+)+/, '').replace(type === 'directory' ? /\/+$/ : /$^/, '');
    const path = select(name);
    bytes += header.size + (path === undefined ? headerBytes : 0);
    if (bytes > maxBytes) throw refuse(`makes more than the ${maxBytes} bytes that this archive may unpack to`);
    entriesRead += 1;
    if (path === undefined) return undefined;
    if (Object.keys(header.pax ?? {}).some((key) => key.startsWith('GNU.sparse.'))) throw refuse('is a sparse file');
    // What a decoder puts in place of bytes that are no UTF-8: two names could become one.
    if (name.includes('\ufffd')) throw refuse('has a name that is not UTF-8');
    if (type !== 'file' && type !== 'directory') throw refuse(`is a ${header.type}, not a file or a folder`);
    entries += 1;
    if (entries > limits.files) throw archiveRefused(`${shown} has more than ${limits.files} entries.`);
    if (type === 'directory' && (path === '' || path === '.')) return { path: '', type };
    const problem = pathProblem(path);
    if (problem) throw refuse(problem);
    const earlier = seen.get(path);
    if (earlier !== undefined && !(earlier === 'directory' && type === 'directory')) throw refuse('is there twice');
    for (let at = dirname(path); at !== '.'; at = dirname(at)) {
      if (seen.get(at) === 'file') throw refuse(`lies in the file ${quoted(at)}`);
      seen.set(at, 'directory');
    }
    seen.set(path, type);
    return { path, type };
  };

  const reader = extract();
  const write = async (): Promise<void> => {
    for await (const entry of reader) {
      const accepted = accept(entry.header);
      if (accepted === undefined) {
        entry.resume();
        continue;
      }
      const { path, type } = accepted;
      const target = join(folder, path);
      await mkdir(type === 'directory' ? target : dirname(target), { recursive: true });
      if (type === 'directory') entry.resume();
      else await writeNew(target, entry);
    }
  };
  const feed = async (chunks: AsyncIterable<Buffer>): Promise<void> => {
    for await (const chunk of chunks) {
      if (reader.destroyed) return;
      bytesRead += chunk.byteLength;
      if (bytesRead > maxBytes + entriesRead * entryBytes + endBytes)
        throw archiveRefused(
          `${shown} unpacks to more than its entries, of which ${entriesRead} were found, can take.`,
        );
      if (!reader.write(chunk)) await drained(reader);
    }
    reader.end(undefined);
  };
  const source = createReadStream(archive, { signal });
  const reading =
    compression === 'none' ? pipeline(source, feed) : pipeline(source, decompressors[compression](), feed);
  reading.catch((error: unknown) => reader.destroy(error as Error));
  try {
    await write();
    await reading;
  } catch (error) {
    reader.destroy(error as Error);
    source.destroy();
    await reading.catch(() => undefined);
    if (signal.aborted) throw signal.reason;
    const own = storeErrorIn(error);
    if (own) throw own;
    if (['ENOSPC', 'EDQUOT', 'EIO', 'EACCES', 'EROFS'].includes(systemCode(error) ?? '')) throw error;
    throw archiveRefused(`${shown} is damaged: ${error instanceof Error ? error.message : String(error)}.`);
  }
  return [...seen].flatMap(([path, type]) => (type === 'file' ? [path] : []));
}

/** Never writes to what is there already. */
async function writeNew(target: string, chunks: AsyncIterable<unknown>): Promise<void> {
  const handle = await open(target, 'wx', 0o644);
  try {
    for await (const chunk of chunks) await handle.appendFile(chunk as Buffer);
  } finally {
    await handle.close();
  }
}

const drained = (reader: Extract): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      reader.off('drain', done).off('close', done);
      resolve();
    };
    reader.once('drain', done).once('close', done);
  });
