import type { WritableFolder } from '../../store/writable-folder.ts';
import { incarnationFile, incarnationPrefix } from '../checkpoint-format.ts';

/** The highest number that any incarnation of this server claimed; 0 where none did. Rejects with StoreError. */
export async function newestIncarnation(store: WritableFolder, server: number): Promise<number> {
  const prefix = incarnationPrefix(server);
  const numbers = (await store.list(prefix)).map((path) => Number(path.slice(prefix.length)));
  return Math.max(0, ...numbers.filter(Number.isSafeInteger));
}

/**
 * Takes a number that no other incarnation of this server has, higher than all before. Rejects with StoreError.
 *
 * @param who for people who look into the file
 */
export async function claimIncarnation(store: WritableFolder, server: number, who: string): Promise<number> {
  for (let number = (await newestIncarnation(store, server)) + 1; ; number++) {
    if (await store.create(incarnationFile(server, number), Buffer.from(`${who}\n`))) return number;
  }
}

/**
 * The highest number that any incarnation of this server claimed, at least that of the one that asks: where storage was emptied it claims its number
 * again. Rejects with StoreError.
 */
export async function renewIncarnation(store: WritableFolder, server: number, own: number): Promise<number> {
  const newest = await newestIncarnation(store, server);
  if (newest < own) await store.create(incarnationFile(server, own), Buffer.from('claimed again: it was gone\n'));
  return Math.max(newest, own);
}
