import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { trainingJobKind } from '../../operator/controllers/kinds.ts';
import type { TrainingJob } from '../../operator/api/training-job.gen.ts';
import type { LocalCluster } from '../local/cluster.ts';
import type { Terminal } from '../terminal.ts';
import { curveOf, isGood, isOver, modelFolder, outcomeLines, shownPath, standing } from './job-lines.ts';
import { readHistory } from './history-file.ts';
import { followReports, type JobReport } from './job-reports.ts';
import { lossCurve } from './loss-curve.ts';
import { progressBar, progressWords } from './progress.ts';

/** Where lines stay, one is written for each so many percent, */
const percentStep = 10;
/** and one after so long without any. */
const silenceMs = 30_000;

interface Seen {
  said: string;
  isOver: boolean;
  isGood: boolean;
  report?: JobReport;
  /** The last line about progress: how far it was, and when. */
  told: { percent: number; atMs: number };
}

/**
 * Shows what becomes of the jobs of a session: a line for each new state, the progress while they run, and at the end the
 * outcome, the model's place and the loss curve, which it writes.
 */
export class JobWatch {
  readonly #cluster: LocalCluster;
  readonly #terminal: Terminal;
  readonly #seen = new Map<string, Seen>();
  readonly #stops: (() => void)[];
  readonly #onOver: () => void;
  #finishing: Promise<void> = Promise.resolve();

  /** @param onOver called whenever a job was over and all has been said of it, or was deleted */
  constructor(cluster: LocalCluster, terminal: Terminal, onOver: () => void) {
    this.#cluster = cluster;
    this.#terminal = terminal;
    this.#onOver = onOver;
    this.#stops = [
      cluster.onChange(trainingJobKind, () => this.#look()),
      followReports(cluster, (reports) => this.#show(reports)),
    ];
    this.#look();
  }

  /** Whether there were jobs and none of them has anything left to do. */
  get allOver(): boolean {
    return this.#seen.size > 0 && [...this.#seen.values()].every((seen) => seen.isOver);
  }

  /** Whether every job ended with a model that may be served. */
  get allGood(): boolean {
    return [...this.#seen.values()].every((seen) => seen.isGood);
  }

  /** Resolves when everything has been said. */
  async stop(): Promise<void> {
    for (const stop of this.#stops) stop();
    this.#terminal.live?.('');
    await this.#finishing;
  }

  #say(job: TrainingJob, text: string): void {
    this.#terminal.print(`${job.metadata.name} training | ${text}`);
  }

  #look(): void {
    const jobs = this.#cluster.all(trainingJobKind) as TrainingJob[];
    for (const job of jobs) {
      const uid = job.metadata.uid ?? '';
      const seen = this.#seen.get(uid) ?? { said: '', isOver: false, isGood: false, told: { percent: 0, atMs: 0 } };
      this.#seen.set(uid, seen);
      const text = standing(job);
      if (text !== undefined && text !== seen.said) this.#say(job, text);
      seen.said = text ?? seen.said;
      if (!isOver(job) || seen.isGood || seen.isOver) continue;
      seen.isGood = isGood(job);
      this.#finishing = this.#finishing.then(async () => {
        await this.#finish(job);
        seen.isOver = true;
        this.#onOver();
      });
    }
    const uids = new Set(jobs.map(({ metadata }) => metadata.uid));
    for (const [uid, seen] of this.#seen) {
      if (uids.has(uid) || seen.isOver) continue;
      seen.isOver = true;
      this.#onOver();
    }
  }

  async #finish(job: TrainingJob): Promise<void> {
    const { folder } = this.#terminal;
    const volumes = join(folder, 'volumes');
    for (const line of outcomeLines(job, volumes)) this.#say(job, line);
    const model = modelFolder(job, volumes);
    const history = (model === undefined ? undefined : await readHistory(model)) ?? curveOf(job);
    if (history.length === 0) return;
    const { name, namespace = 'default' } = job.metadata;
    const path = join(folder, 'curves', `${namespace === 'default' ? '' : `${namespace}-`}${name}.svg`);
    try {
      await mkdir(join(folder, 'curves'), { recursive: true });
      await writeFile(path, lossCurve(`${name}: loss`, history));
      this.#say(job, `loss curve: ${shownPath(path)}`);
    } catch (error) {
      this.#say(job, `the loss curve cannot be written: ${(error as Error).message}`);
    }
  }

  #show(reports: JobReport[]): void {
    for (const each of reports) {
      const seen = this.#seen.get(each.job.metadata.uid ?? '');
      if (seen === undefined) continue;
      seen.report = each;
      if (this.#terminal.live === undefined) this.#tell(each, seen);
    }
    const running = [...this.#seen.values()].filter((seen) => !seen.isOver).flatMap(({ report }) => report ?? []);
    const columns = this.#terminal.columns();
    this.#terminal.live?.(running.map(({ job, report }) => progressBar(job.metadata.name, report, columns)).join('\n'));
  }

  /** Says how far a job is, now and then. */
  #tell({ job, report }: JobReport, seen: Seen): void {
    if (report.job === undefined || report.job.step === 0) return;
    const nowMs = this.#terminal.now().getTime();
    const percent = (100 * report.job.step) / Math.max(1, report.job.totalSteps);
    if (percent < seen.told.percent + percentStep && nowMs < seen.told.atMs + silenceMs) return;
    seen.told = { percent: percent - (percent % percentStep), atMs: nowMs };
    this.#say(job, progressWords(report));
  }
}
