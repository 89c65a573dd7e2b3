import { createLog } from '../../lib/log.ts';
import type { StorageConfig } from '../../runtime/config.ts';
import { isIntact } from '../../runtime/store/cache.ts';
import { resolveModel } from '../../runtime/store/model.ts';
import { basename, dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * A process that shares a cache: again and again it takes one of some models at random, looks for a while whether the model stays where it is, and
 * gives it back. It prints a line for each model that it had, and MISSING for one that went away under it.
 *
 *     node cache-sharer-main.ts CACHE MAX_BYTES ROUNDS URI…
 */
const [cacheDir = '', maxBytes = '', rounds = '', ...uris] = process.argv.slice(2);
const storage: StorageConfig = {
  endpoint: undefined,
  region: undefined,
  ca: undefined,
  allowedCidrs: ['127.0.0.0/8'],
  cacheDir,
  cacheMaxBytes: Number(maxBytes),
  volumesDir: '/nowhere',
  allowFileUris: false,
  credentials: {},
};

for (let round = 0; round < Number(rounds); round++) {
  const uri = uris[Math.floor(Math.random() * uris.length)] ?? '';
  const using = new AbortController();
  const hooks = { onProgress: () => undefined, signal: using.signal, log: createLog('sharer', 'silent') };
  const request = { uri, field: 'spec.model', digest: undefined, pinnedDigest: undefined, storage };
  const { modelPath } = await resolveModel(request, hooks);
  for (let look = 0; look < 5; look++) {
    const isThere = await isIntact(dirname(modelPath), [basename(modelPath)]).catch(() => false);
    if (!isThere) process.stdout.write(`MISSING ${modelPath}\n`);
    await sleep(Math.random() * 10);
  }
  process.stdout.write(`${uri}\n`);
  using.abort();
}
