import * as v from 'valibot';
import { TrainingFailure } from '../errors.ts';
import type { WritableFolder } from '../store/writable-folder.ts';
import type { HistoryPoint, TrainingJobFile, TrainingOutcome } from '../training-contract.ts';
import type { TrainingResult } from './coordinator/options.ts';
import { keepRecord, readRecord, recordPath, type JobRecord } from './job-record.ts';
import { exportModel } from './model/export-model.ts';
import { modelFolder, versionFiles, versionName, type Software } from './model/version-files.ts';
import type { Program } from './program.ts';

const manifestName = 'manifest.json';

/** What is read of a `VersionManifest`. */
const manifestSchema = v.object({
  job: v.object({ namespace: v.string(), name: v.string() }),
  specHash: v.string(),
  base: v.optional(v.object({ digest: v.string() })),
  data: v.object({ digest: v.string() }),
  steps: v.object({ last: v.number() }),
  metrics: v.object({ test: v.record(v.string(), v.number()) }),
  model: v.object({ digest: v.string() }),
});

type Manifest = v.InferOutput<typeof manifestSchema>;

/** What decides the bytes of a version beside the spec. */
type Inputs = Pick<Program, 'baseDigest'> & { dataset: Pick<Program['dataset'], 'digest'> };

/**
 * What jobs leave in the folder of `spec.output`: a version for each spec, model and data, and, for each job that ended, a record of which
 * one it made. Methods reject with StoreError and TrainingFailure.
 */
export class Output {
  readonly #job: TrainingJobFile;
  readonly #folder: WritableFolder;
  readonly #date: () => Date;

  constructor(job: TrainingJobFile, folder: WritableFolder, date: () => Date) {
    this.#job = job;
    this.#folder = folder;
    this.#date = date;
  }

  /** How this job ended, if it did before: also where its data have changed since. */
  async ofJob(): Promise<TrainingOutcome | undefined> {
    const record = await readRecord(this.#folder, this.#job);
    if (!record) return undefined;
    const manifest = await this.#read(record.version);
    if (manifest) return this.#outcome(record, manifest, 'AlreadyTrained', 'this job was over before and made');
    // Its version was removed, so that there be another one.
    await this.#folder.remove(recordPath(this.#job));
    return undefined;
  }

  /** The outcome with the version that the same spec made of the same model and data, if there is one. */
  async find(inputs: Inputs): Promise<TrainingOutcome | undefined> {
    const version = versionName(this.#job, inputs);
    const manifest = await this.#read(version);
    if (!manifest) return undefined;
    if (manifest.data.digest !== inputs.dataset.digest || manifest.base?.digest !== inputs.baseDigest) {
      throw this.#conflict(version);
    }
    const { namespace, name } = manifest.job;
    const isOwn = namespace === this.#job.namespace && name === this.#job.name;
    // The process that wrote it died before it could say so.
    if (isOwn) return this.#conclude(version, manifest, manifest.steps.last);
    const how = `job ${name} of namespace ${namespace} had made the same of the same data:`;
    return this.#conclude(version, manifest, undefined, 'AlreadyTrained', how);
  }

  /** Writes the version, then its manifest, and last that this job is over: what is there stays as it is. */
  async write(
    program: Pick<Program, 'model' | 'baseDigest' | 'graph' | 'dataset'>,
    result: TrainingResult,
    software: Software,
  ): Promise<TrainingOutcome> {
    const { model, baseDigest, graph, dataset } = program;
    const { best, last, evaluations, testMetrics } = result;
    // Not who made it: jobs of the same spec make the same bytes.
    const about = { 'modelyard.specHash': this.#job.specHash };
    const { manifest, files } = versionFiles({
      job: this.#job,
      models: {
        best: exportModel(model, graph.layout, best.weights, about),
        last: exportModel(model, graph.layout, last.weights, about),
      },
      steps: { best: best.version, last: last.version },
      baseDigest,
      dataset,
      metrics: {
        validation: evaluations.find(({ version }) => version === best.version)?.metrics ?? {},
        test: testMetrics,
      },
      history: curveOf(result),
      software,
    });
    const version = versionName(this.#job, program);
    if (!(await this.#read(version))) {
      for (const [path, content] of files) {
        if (path !== manifestName) await this.#folder.write(this.#pathOf(version) + path, [content]);
      }
      const content = files.get(manifestName) ?? new Uint8Array();
      await this.#folder.create(this.#pathOf(version) + manifestName, content);
    }
    const written = await this.#read(version);
    if (written?.model.digest !== manifest.model.digest) throw this.#conflict(version);
    return this.#conclude(version, written, last.version);
  }

  /** In the folder of the output, with `/` at the end. */
  #pathOf(version: string): string {
    return `${this.#job.output.modelName}/${version}/`;
  }

  async #read(version: string): Promise<Manifest | undefined> {
    const bytes = await this.#folder.read(this.#pathOf(version) + manifestName);
    if (!bytes) return undefined;
    const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), manifestSchema), Buffer.from(bytes).toString());
    if (!parsed.success || parsed.output.specHash !== this.#job.specHash) throw this.#conflict(version);
    return parsed.output;
  }

  /** Leaves word that this job is over. Where another process of it did before, that is how the job ended. */
  async #conclude(
    version: string,
    manifest: Manifest,
    checkpointStep: number | undefined,
    reason = 'Trained',
    how = `${manifest.steps.last} steps made`,
  ): Promise<TrainingOutcome> {
    const record = await keepRecord(this.#folder, this.#job, {
      version,
      completionTime: this.#date().toISOString(),
      steps: manifest.steps.last,
      checkpointStep,
    });
    const before = record.version === version ? undefined : await this.ofJob();
    return before ?? this.#outcome({ ...record, version }, manifest, reason, how);
  }

  #outcome(record: JobRecord, manifest: Manifest, reason: string, how: string): TrainingOutcome {
    const { version, completionTime, steps, checkpointStep } = record;
    const { specHash, data, metrics, model } = manifest;
    // What a ModelDeployment serves.
    const uri = `${this.#folder.uri}/${this.#pathOf(version)}${modelFolder}`;
    return {
      succeeded: true,
      reason,
      message: `${how} ${uri}`,
      output: {
        uri,
        digest: model.digest,
        specHash,
        dataDigest: data.digest,
        steps,
        ...(checkpointStep !== undefined && { checkpointStep }),
        completedAtMs: Date.parse(completionTime),
        testMetrics: metrics.test,
      },
    };
  }

  #conflict(version: string): TrainingFailure {
    const message = `${this.#folder.uri}/${this.#pathOf(version)} holds another model than this job makes, and versions are never overwritten; remove that folder, or name another spec.output.modelName.`;
    return new TrainingFailure({ reason: 'OutputConflict', message, retrying: false });
  }
}

/** The whole curve: a point for each step. */
function curveOf({ losses, evaluations }: TrainingResult): HistoryPoint[] {
  const measured = new Map(evaluations.map(({ version, metrics }) => [version, metrics.loss]));
  return Array.from(losses, (loss, index) => {
    const validationLoss = measured.get(index + 1);
    return { step: index + 1, loss, ...(validationLoss !== undefined && { validationLoss }) };
  });
}
