import { readFile } from 'node:fs/promises';
import { isIP, type LookupFunction } from 'node:net';
import * as v from 'valibot';

const hosts = v.pipe(v.string(), v.parseJson(), v.record(v.string(), v.string()));

/**
 * Finds hosts in a file of JSON `{ [host]: address }` as DNS would, where there is no DNS for pods. The file is read at every question,
 * for pods come and go.
 */
export function lookupIn(path: string): LookupFunction {
  return (host, options, callback) => {
    addressOf(path, host).then(
      (address) => {
        if (options.all) callback(null, [{ address, family: isIP(address) }]);
        else callback(null, address, isIP(address));
      },
      (error: unknown) => callback(error as NodeJS.ErrnoException, ''),
    );
  };
}

async function addressOf(path: string, host: string): Promise<string> {
  const known = v.safeParse(hosts, await readFile(path, 'utf8'));
  const address = known.success ? known.output[host] : undefined;
  if (address === undefined) throw Object.assign(new Error(`no pod is called ${host} now`), { code: 'ENOTFOUND' });
  return address;
}
