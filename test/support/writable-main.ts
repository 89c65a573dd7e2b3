/**
 * Writes one file of a folder again and again, each time filled with the number of the time, from 1, and prints what came of each:
 * `ok` or the code and the message of an error. Arguments: volumes folder, URI, path, user id or `-`, and a size for each time.
 */
import { StoreError } from '../../runtime/store/errors.ts';
import { openFolder } from '../runtime/store/writable-world.ts';

const [volumesDir = '', uri = '', path = '', user = '-', ...sizes] = process.argv.slice(2);

async function outcome(act: () => Promise<unknown>): Promise<string> {
  try {
    await act();
    return 'ok';
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return `${error.code}: ${error.message}`;
  }
}

if (user !== '-') process.setuid?.(Number(user));
const opening = outcome(async () => {
  const folder = await openFolder({ uri, storage: { volumesDir } });
  for (const [index, size] of sizes.entries()) {
    const content = new Uint8Array(Number(size)).fill(index + 1);
    console.log(await outcome(() => folder.write(path, [content])));
  }
});
if ((await opening) !== 'ok') console.log(await opening);
