import * as v from 'valibot';
import { TrainingFailure } from '../errors.ts';
import type { WritableFolder } from '../store/writable-folder.ts';
import type { TrainingJobFile } from '../training-contract.ts';
import { jobIdentity } from './job-identity.ts';

const whole = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

const recordSchema = v.object({
  formatVersion: v.literal(1),
  /** The folder of the version in its lineage. */
  version: v.pipe(v.string(), v.regex(/^[0-9a-f]+(-[0-9a-f]+)*$/)),
  /** When the job ended. */
  completionTime: v.pipe(v.string(), v.isoTimestamp()),
  /** Steps done. */
  steps: whole,
  /** The version that the job's newest checkpoint holds; absent where it wrote none. */
  checkpointStep: v.optional(whole),
});

/** What a job that ended well leaves, so that it never runs again, whatever becomes of its data. */
export type JobRecord = Omit<v.InferOutput<typeof recordSchema>, 'formatVersion'>;

/** Beside the lineages, of which none has a name that begins with a dot: whoever lists one finds nothing but versions. */
export const recordPath = (job: TrainingJobFile): string => `.jobs/${job.output.modelName}/${jobIdentity(job)}.json`;

/** Undefined where there is none. Rejects with StoreError, and TrainingFailure `OutputConflict`. */
export async function readRecord(folder: WritableFolder, job: TrainingJobFile): Promise<JobRecord | undefined> {
  const path = recordPath(job);
  const bytes = await folder.read(path);
  if (!bytes) return undefined;
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), recordSchema), Buffer.from(bytes).toString());
  if (parsed.success) return parsed.output;
  const message = `${folder.uri}/${path} does not say how this job ended; remove that file.`;
  throw new TrainingFailure({ reason: 'OutputConflict', message, retrying: false });
}

/** Resolves with the one that counts: the first. Rejects as `readRecord` does. */
export async function keepRecord(folder: WritableFolder, job: TrainingJobFile, record: JobRecord): Promise<JobRecord> {
  const text = `${JSON.stringify({ formatVersion: 1, ...record }, undefined, 2)}\n`;
  if (await folder.create(recordPath(job), Buffer.from(text))) return record;
  return (await readRecord(folder, job)) ?? record;
}
