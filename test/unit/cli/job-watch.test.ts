import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { crdAdmission } from '../../../cli/local/admission.ts';
import { LocalCluster } from '../../../cli/local/cluster.ts';
import { readHistory } from '../../../cli/training/history-file.ts';
import { laptopPath, shownPath } from '../../../cli/training/job-lines.ts';
import { JobWatch } from '../../../cli/training/job-watch.ts';
import type { KubeObject, ObjectRef } from '../../../operator/kube/object.ts';
import { eventually } from '../../support/eventually.ts';
import { scriptedTerminal } from '../../support/terminal.ts';

const kind = { apiVersion: 'modelyard.dev/v1alpha1', kind: 'TrainingJob' };
const refOf = (name: string): ObjectRef => ({ ...kind, name, namespace: 'default' });
const job = (name: string, spec: object = {}): KubeObject => ({
  ...kind,
  metadata: { name, namespace: 'default' },
  spec: {
    train: {
      model: { mlp: { hidden: [8] } },
      data: { uri: 'pvc://data/digits.csv', label: 'digit' },
      loss: 'CrossEntropy',
      metrics: ['accuracy'],
    },
    output: { uri: 'pvc://models/', modelName: name },
    ...spec,
  },
});
const condition = (type: string, status: string, message: string) => ({
  type,
  status,
  reason: 'Reason',
  message,
  lastTransitionTime: '2026-11-24T12:00:00Z',
});
const complete = (accepted: boolean) => ({
  phase: 'Succeeded',
  conditions: [
    condition('Running', 'False', 'It is over.'),
    condition('Complete', 'True', 'The model is trained.'),
    condition('Accepted', accepted ? 'True' : 'False', accepted ? 'It is good.' : 'It is bad.'),
  ],
  history: [
    { step: 10, loss: '1.5' },
    { step: 20, loss: '0.5', validationLoss: '0.6' },
  ],
  output: { uri: 'pvc://models/digits/v1/model', accepted, testMetrics: { loss: '0.12345678', accuracy: '0.975' } },
});

let folder: string;
let cluster: LocalCluster;
let terminal: ReturnType<typeof scriptedTerminal>;
let watch: JobWatch;
let overs: number;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modelyard-watch-'));
  let uids = 0;
  const now = (): Date => new Date('2026-11-24T12:00:00Z');
  cluster = new LocalCluster({ now, uid: () => `uid-${++uids}`, admission: crdAdmission });
  terminal = scriptedTerminal('', folder);
  overs = 0;
  watch = new JobWatch(cluster, terminal, () => (overs += 1));
});

afterEach(async () => {
  await watch.stop();
  await rm(folder, { recursive: true, force: true });
});

const untilOver = (count: number): Promise<void> => eventually(() => expect(overs).toBe(count), 5_000, 5);

describe('watching jobs', () => {
  test('says each new state once, and at the end the figures, the place of the model and of the curve', async () => {
    cluster.add(job('digits', { acceptance: { metric: 'accuracy', atLeast: 0.95 } }));
    const running = { phase: 'Running', conditions: [condition('Running', 'True', 'All pods are at work.')] };
    cluster.writeStatus(refOf('digits'), running);
    cluster.writeStatus(refOf('digits'), { ...running, step: 5 });
    expect(watch.allOver).toBe(false);
    cluster.writeStatus(refOf('digits'), complete(true));
    await untilOver(1);
    expect(terminal.printed).toEqual([
      'digits training | Running: All pods are at work.',
      'digits training | Succeeded: The model is trained.',
      'digits training | on the test split: loss 0.1235, accuracy 0.975',
      'digits training | accepted: It is good.',
      `digits training | model: ${join(folder, 'volumes', 'models', 'digits', 'v1', 'model')}`,
      `digits training | loss curve: ${join(folder, 'curves', 'digits.svg')}`,
    ]);
    expect(await readFile(join(folder, 'curves', 'digits.svg'), 'utf8')).toContain('digits: loss');
    expect([watch.allOver, watch.allGood]).toEqual([true, true]);
  });

  test('draws the whole curve where the job left it on this machine, in means of neighbouring steps', async () => {
    const version = join(folder, 'volumes', 'models', 'digits', 'v1');
    await mkdir(version, { recursive: true });
    const rows = Array.from(
      { length: 1_000 },
      (_, index) => `${index + 1},${1 - index / 1_000},${index === 499 ? 0.7 : ''}`,
    );
    await writeFile(join(version, 'history.csv'), `step,loss,validationLoss\n${rows.join('\n')}\n`);
    expect(await readHistory(join(version, 'model'))).toHaveLength(78);
    cluster.add(job('digits'));
    cluster.writeStatus(refOf('digits'), complete(true));
    await untilOver(1);
    const svg = await readFile(join(folder, 'curves', 'digits.svg'), 'utf8');
    expect(svg).toContain('1,000');
    expect(svg.match(/<circle/g)).toHaveLength(1);
  });

  test('says that the curve cannot be written, and that the job is over all the same', async () => {
    await writeFile(join(folder, 'curves'), 'in the way');
    cluster.add(job('digits'));
    cluster.writeStatus(refOf('digits'), complete(true));
    await untilOver(1);
    expect(terminal.printed.at(-1)).toMatch(/^digits training \| the loss curve cannot be written: EEXIST/);
    expect(watch.allGood).toBe(true);
  });

  test('is not content with a model that is refused', async () => {
    cluster.add(job('digits', { acceptance: { metric: 'loss', atMost: 0.1 } }));
    cluster.writeStatus(refOf('digits'), complete(false));
    await untilOver(1);
    expect(terminal.printed).toContain('digits training | refused: It is bad.');
    expect([watch.allOver, watch.allGood]).toEqual([true, false]);
  });

  test('says why a job failed, and waits for the others', async () => {
    cluster.add(job('bad'));
    cluster.add(job('good'));
    cluster.writeStatus(refOf('bad'), {
      phase: 'Failed',
      conditions: [condition('Failed', 'True', 'The data is gone.')],
    });
    await untilOver(1);
    expect(terminal.printed).toEqual(['bad training | Failed: The data is gone.']);
    expect(watch.allOver).toBe(false);
    cluster.writeStatus(refOf('good'), complete(true));
    await untilOver(2);
    expect([watch.allOver, watch.allGood]).toEqual([true, false]);
  });

  test('does not take a job that was deleted before its end for a good one, and forgets none that ended well', async () => {
    cluster.add(job('gone'));
    cluster.add(job('good'));
    cluster.writeStatus(refOf('good'), complete(true));
    await untilOver(1);
    cluster.delete(refOf('good'));
    cluster.delete(refOf('gone'));
    await untilOver(2);
    expect([watch.allOver, watch.allGood]).toEqual([true, false]);
  });
});

test.each([
  ['pvc://models/digits/v1/', '/home/volumes/models/digits/v1/'],
  ['pvc://models', '/home/volumes/models'],
  ['pvc://models/a%20b', '/home/volumes/models/a b'],
  ['file:///data/models/', '/data/models/'],
  ['s3://models/digits/', 's3://models/digits/'],
])('%s lies on a laptop at %s', (uri, path) => {
  expect(laptopPath(uri, '/home/volumes')).toBe(path);
});

test.each([
  [join(process.cwd(), '.modelyard', 'curves', 'a.svg'), join('.modelyard', 'curves', 'a.svg')],
  ['/elsewhere/a.svg', '/elsewhere/a.svg'],
  ['s3://models/digits/', 's3://models/digits/'],
])('%s is shown as %s', (path, shown) => {
  expect(shownPath(path)).toBe(shown);
});
