import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createLog } from '../../../lib/log.ts';
import { download } from '../../../runtime/store/download.ts';
import { defaultLimits, type RemoteFile } from '../../../runtime/store/source.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modelyard-download-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** Turns of the event loop between the answer and the stop: before the stream is read, and while it is. */
const moments = Array.from({ length: 12 }, (_, index) => index);

test.each(moments)(
  'a download that is stopped %i moments after it was answered says why, and nothing else does',
  async (moment) => {
    const stopped = new AbortController();
    const file: RemoteFile = {
      path: 'file',
      size: undefined,
      version: undefined,
      open: () => {
        const endless = new Readable({ read: () => undefined });
        const stop = async (): Promise<void> => {
          for (let passed = 0; passed < moment; passed++) await new Promise((resolve) => setImmediate(resolve));
          stopped.abort(new Error('another file cannot be had'));
        };
        void stop();
        return Promise.resolve({ stream: endless, offset: 0, size: undefined, version: undefined });
      },
    };
    const hooks = { onBytes: () => undefined, signal: stopped.signal, log: createLog('test', 'silent') };
    await expect(download(file, folder, 's3://data/', defaultLimits, hooks)).rejects.toThrow(
      'another file cannot be had',
    );
  },
);
