import * as v from 'valibot';
import { TrainingFailure } from '../errors.ts';
import type { WritableFolder } from '../store/writable-folder.ts';
import type { HistoryPoint, TrainingJobFile, TrainingOutcome } from '../training-contract.ts';
import type { TrainingResult } from './coordinator/options.ts';
import { exportModel } from './model/export-model.ts';
import { modelFolder, versionFiles, type Software } from './model/version-files.ts';
import type { Program } from './program.ts';

const manifestName = 'manifest.json';

/** What is read of a `VersionManifest`. */
const manifestSchema = v.object({
  specHash: v.string(),
  data: v.object({ digest: v.string() }),
  steps: v.object({ best: v.number() }),
  metrics: v.object({ test: v.record(v.string(), v.number()) }),
  model: v.object({ digest: v.string() }),
});

type Manifest = v.InferOutput<typeof manifestSchema>;

/** The versions that jobs wrote, in the folder of `spec.output`. Methods reject with StoreError and TrainingFailure. */
export class Output {
  readonly #job: TrainingJobFile;
  readonly #folder: WritableFolder;
  /** Of this job's version, with `/` at the end: what decides the model's bytes, but for the content of the data, decides it. */
  readonly #path: string;

  constructor(job: TrainingJobFile, folder: WritableFolder) {
    this.#job = job;
    this.#folder = folder;
    this.#path = `${job.output.modelName}/${job.specHash.slice('sha256:'.length, 'sha256:'.length + 16)}/`;
  }

  /** The outcome of this job, or of one with the same spec, that is over already. */
  async find(): Promise<TrainingOutcome | undefined> {
    const manifest = await this.#read();
    const message = `this job, or another one of the same spec, was over before: ${this.#uri}`;
    return manifest && this.#outcome(manifest, 'AlreadyTrained', message);
  }

  /** Writes the version, and its manifest last of all: a version that is there stays as it is. */
  async write(
    { model, graph, dataset }: Pick<Program, 'model' | 'graph' | 'dataset'>,
    result: TrainingResult,
    software: Software,
  ): Promise<TrainingOutcome> {
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
      dataset,
      metrics: {
        validation: evaluations.find(({ version }) => version === best.version)?.metrics ?? {},
        test: testMetrics,
      },
      history: curveOf(result),
      software,
    });
    if (!(await this.#read())) {
      for (const [path, content] of files) {
        if (path !== manifestName) await this.#folder.write(this.#path + path, [content]);
      }
      await this.#folder.create(this.#path + manifestName, files.get(manifestName) ?? new Uint8Array());
    }
    const written = await this.#read();
    if (written?.model.digest !== manifest.model.digest) throw this.#conflict();
    return this.#outcome(manifest, 'Trained', `${result.steps} steps made ${this.#uri}`);
  }

  /** What a ModelDeployment serves. */
  get #uri(): string {
    return `${this.#folder.uri}/${this.#path}${modelFolder}`;
  }

  async #read(): Promise<Manifest | undefined> {
    const bytes = await this.#folder.read(this.#path + manifestName);
    if (!bytes) return undefined;
    const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), manifestSchema), Buffer.from(bytes).toString());
    if (!parsed.success || parsed.output.specHash !== this.#job.specHash) throw this.#conflict();
    return parsed.output;
  }

  #outcome(manifest: Manifest, reason: string, message: string): TrainingOutcome {
    const { specHash, data, steps, metrics, model } = manifest;
    return {
      succeeded: true,
      reason,
      message,
      output: {
        uri: this.#uri,
        digest: model.digest,
        specHash,
        dataDigest: data.digest,
        steps: steps.best,
        testMetrics: metrics.test,
      },
    };
  }

  #conflict(): TrainingFailure {
    const message = `${this.#folder.uri}/${this.#path} holds another model than this job made, and versions are never overwritten; remove that folder, or name another spec.output.modelName.`;
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
