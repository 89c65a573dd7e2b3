import type { JobProgress, TrainingReport } from '../../runtime/training-contract.ts';

/** The longest and the shortest bar, in characters. */
const barWidth = { most: 40, least: 10 };

const significant = new Intl.NumberFormat('en', { maximumSignificantDigits: 4 });
const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

/** `45 s`, `2 min 5 s`, `1 h 12 min`. */
export function durationText(seconds: number): string {
  const total = Math.max(0, Math.round(seconds));
  if (total < 60) return `${total} s`;
  if (total < 3600) return `${Math.floor(total / 60)} min ${total % 60} s`;
  return `${Math.floor(total / 3600)} h ${Math.floor((total % 3600) / 60)} min`;
}

/** A loss or a metric: four significant digits. */
export const figure = (value: number): string => significant.format(value);

const share = ({ step, totalSteps }: JobProgress): number => (totalSteps > 0 ? Math.min(1, step / totalSteps) : 0);

/** What is known of a running job, the more important first. */
function facts(progress: JobProgress): string[] {
  const { step, totalSteps, loss, remainingSeconds, samplesPerSecond, validationMetrics, recomputedSteps } = progress;
  const metrics = Object.entries(validationMetrics).map(([name, value]) => `validation ${name} ${figure(value)}`);
  return [
    `step ${whole.format(step)} of ${whole.format(totalSteps)}`,
    ...(loss === undefined ? [] : [`loss ${figure(loss)}`]),
    ...(remainingSeconds === undefined ? [] : [`${durationText(remainingSeconds)} left`]),
    ...(samplesPerSecond === undefined ? [] : [`${whole.format(samplesPerSecond)} samples/s`]),
    ...metrics,
    ...(recomputedSteps > 0 ? [`${recomputedSteps} recomputed`] : []),
  ];
}

function bar(done: number, width: number): string {
  const filled = Math.round(done * width);
  return '━'.repeat(filled) + '─'.repeat(width - filled);
}

const percent = (progress: JobProgress): string => `${Math.floor(100 * share(progress))} %`;

/** What a job waits for before its first step. */
function waitText({ phase, fault, job }: TrainingReport): string {
  const there =
    job === undefined
      ? ''
      : `, ${job.connectedServers} parameter servers and ${job.connectedWorkers} workers are there`;
  return fault?.message ?? `${phase === 'Preparing' ? 'reading model and data' : 'waiting'}${there}`;
}

/** The progress of a job that has begun; undefined before. */
const begun = ({ phase, job }: TrainingReport): JobProgress | undefined =>
  phase === 'Running' || phase === 'Finishing' || (job?.step ?? 0) > 0 ? job : undefined;

/** One line of a terminal that is so many columns wide: a bar, and as much beside it as there is room for. */
export function progressBar(name: string, report: TrainingReport, columns: number): string {
  const job = begun(report);
  const head = `${name}  `;
  if (job === undefined) return `${head}${waitText(report)}`.slice(0, columns - 1);
  const told = [percent(job).padStart(5), ...facts(job)];
  const room = (): number => columns - 1 - head.length - told.join('  ').length - 2;
  while (told.length > 1 && room() < barWidth.least) told.pop();
  return `${head}${bar(share(job), Math.max(barWidth.least, Math.min(barWidth.most, room())))}  ${told.join('  ')}`;
}

/** The same as words, for where lines stay. */
export function progressWords(report: TrainingReport): string {
  const job = begun(report);
  return job === undefined ? waitText(report) : [percent(job), ...facts(job)].join(', ');
}
