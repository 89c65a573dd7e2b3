import { describe, expect, test } from '@jest/globals';
import { durationText, progressBar, progressWords } from '../../../cli/training/progress.ts';
import type { JobProgress, TrainingReport } from '../../../runtime/training-contract.ts';

const progress: JobProgress = {
  step: 1_310,
  totalSteps: 2_000,
  epoch: 4,
  loss: 0.081234,
  validationMetrics: { loss: 0.0931, accuracy: 0.97312 },
  samplesPerSecond: 12_400.4,
  remainingSeconds: 65.2,
  connectedServers: 2,
  connectedWorkers: 3,
  recomputedSteps: 0,
  history: [],
};

const report = (job: Partial<JobProgress> | undefined, rest: Partial<TrainingReport> = {}): TrainingReport => ({
  version: 1,
  kind: 'Training',
  podName: 'digits-ps-0',
  role: 'ParameterServer',
  index: 0,
  phase: 'Running',
  ...(job === undefined ? {} : { job: { ...progress, ...job } }),
  ...rest,
});

describe('the progress bar', () => {
  test('tells step, loss, the time that is left and the rate beside a bar that fills as steps are done', () => {
    const line = progressBar('digits', report({}), 200);
    expect(line).toMatch(
      /^digits {2}━{26}─{14} {3}65 % {2}step 1,310 of 2,000 {2}loss 0\.08123 {2}1 min 5 s left {2}12,400 samples\/s/,
    );
    expect(progressBar('digits', report({ step: 0 }), 200)).toMatch(/^digits {2}─{40} {4}0 % /);
    expect(progressBar('digits', report({ step: 2_000 }), 200)).toMatch(/^digits {2}━{40} {2}100 % /);
  });

  test.each([200, 120, 100, 80, 60, 40])('fits into %i columns, and keeps the bar and the share', (columns) => {
    const line = progressBar('digits', report({}), columns);
    expect(line.length).toBeLessThan(columns);
    expect(line).toMatch(/^digits {2}━+─+ {3}65 %/);
  });

  test('says what a job waits for before its first step', () => {
    const waiting = report({ step: 0, connectedServers: 1, connectedWorkers: 0 }, { phase: 'Waiting' });
    expect(progressBar('digits', waiting, 100)).toBe('digits  waiting, 1 parameter servers and 0 workers are there');
    const fault = { reason: 'StorageUnavailable', message: 'The bucket does not answer.', retrying: true } as const;
    expect(progressBar('digits', report(undefined, { phase: 'Preparing', fault }), 100)).toBe(
      'digits  The bucket does not answer.',
    );
    expect(progressBar('digits', report(undefined, { phase: 'Preparing' }), 20)).toBe('digits  reading mod');
  });
});

describe('progress in words', () => {
  test('names everything that is known, and no more', () => {
    expect(progressWords(report({ recomputedSteps: 1 }))).toBe(
      '65 %, step 1,310 of 2,000, loss 0.08123, 1 min 5 s left, 12,400 samples/s, validation loss 0.0931, validation accuracy 0.9731, 1 recomputed',
    );
    const { step, totalSteps, epoch, connectedServers, connectedWorkers, recomputedSteps, history } = progress;
    const least = { step, totalSteps, epoch, connectedServers, connectedWorkers, recomputedSteps, history };
    expect(progressWords({ ...report(undefined), job: { ...least, validationMetrics: {} } })).toBe(
      '65 %, step 1,310 of 2,000',
    );
  });
});

test.each([
  [0.4, '0 s'],
  [59.4, '59 s'],
  [60, '1 min 0 s'],
  [3_599, '59 min 59 s'],
  [7_320, '2 h 2 min'],
  [-3, '0 s'],
])('%d seconds are %s', (seconds, text) => {
  expect(durationText(seconds)).toBe(text);
});
