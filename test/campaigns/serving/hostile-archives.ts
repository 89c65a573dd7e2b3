import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { archiveName, hostileArchives, slip, type HostileArchive } from '../../runtime/store/hostile-archives.ts';
import { openWorkplace } from '../../runtime/store/workplace.ts';
import { startServingProcess, until } from '../../support/serving.ts';
import { Remarks, type CampaignOptions, type Outcome } from '../figures.ts';

/** Archives that try to write elsewhere, to be something else than files, or to fill the disk; in full also as the model of a real serving process. */
export async function archives({ isShort }: CampaignOptions): Promise<Outcome> {
  const remarks = new Remarks();
  const work = await openWorkplace();
  try {
    for (const hostile of hostileArchives) {
      const problem = await slip(hostile, work).catch(String);
      if (problem !== undefined) remarks.add(`${hostile.what}: ${problem}`);
    }
  } finally {
    await work.remove();
  }
  const served = isShort ? [] : hostileArchives;
  for (const hostile of served) {
    const told = await faultInServer(hostile);
    if (told !== 'ArchiveRefused') remarks.add(`${hostile.what}, in a serving process: ${told}`);
  }
  return {
    figures: [
      { what: 'kinds of hostile archive', measured: hostileArchives.length, atLeast: 12 },
      { what: 'of them given to a serving process', measured: served.length },
      { what: 'not refused, or refused without a word on the entry', measured: remarks.count, atMost: 0 },
    ],
    remarks: remarks.list,
  };
}

/** @returns the reason that the report of a server gives, which must live on */
async function faultInServer(hostile: HostileArchive): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'modelyard-archive-'));
  const archive = join(folder, archiveName(hostile));
  await writeFile(archive, hostile.archive());
  const modelUri = pathToFileURL(archive).href;
  const serving = startServingProcess({ files: {}, settings: { modelUri, logLevel: 'silent' } });
  try {
    await until(async () => {
      const { phase } = (await serving.report().catch(() => undefined))?.model ?? {};
      return phase === 'Failed' || phase === 'Ready';
    });
    const { fault } = (await serving.report()).model;
    const code = await serving.stop();
    return code === 0 ? (fault?.reason ?? 'it serves') : `it ended with ${code}`;
  } finally {
    await serving.stop();
    await rm(folder, { recursive: true, force: true });
  }
}
