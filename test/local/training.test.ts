import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { run } from '../../cli/commands/run.ts';
import { type Document, readValid } from '../../cli/documents.ts';
import { Session } from '../../cli/local/session.ts';
import { podKind } from '../../cli/local/workloads.ts';
import { ModelClient } from '../../client/model-client.ts';
import { createLog } from '../../lib/log.ts';
import type { TrainingJob } from '../../operator/api/training-job.gen.ts';
import { trainingJobKind } from '../../operator/controllers/kinds.ts';
import type { KubeObject } from '../../operator/kube/object.ts';
import { eventually } from '../support/eventually.ts';
import { scriptedTerminal } from '../support/terminal.ts';

const timeoutMs = 240_000;
const root = join(import.meta.dirname, '..', '..');

/** Points around three corners of a square, with their corner's name. */
function pointsAsCsv(rows: number): string {
  const corners = [
    ['east', 2, 0],
    ['north', 0, 2],
    ['origin', 0, 0],
  ] as const;
  const lines = Array.from({ length: rows }, (_, index) => {
    const [name, x, y] = corners[index % 3] ?? corners[0];
    const [right, up] = [Math.sin(12.9898 * index), Math.cos(78.233 * index)];
    return `${(x + right / 2).toFixed(4)},${(y + up / 2).toFixed(4)},${name}`;
  });
  return `x,y,corner\n${lines.join('\n')}\n`;
}

interface JobOptions {
  epochs?: number;
  data?: string;
  atLeast?: number;
}

const jobYaml = ({ epochs = 20, data = 'points.csv', atLeast = 0.9 }: JobOptions = {}): string => `
apiVersion: modelyard.dev/v1alpha1
kind: TrainingJob
metadata: { name: corners }
spec:
  train:
    model: { mlp: { hidden: [8] } }
    data: { uri: pvc://data/${data}, label: corner }
    loss: CrossEntropy
    metrics: [accuracy]
    optimizer: { name: Adam, learningRate: 0.02 }
    epochs: ${epochs}
    batchSize: 32
    gradientShards: 4
  parameterServers: { replicas: 2 }
  workers: { replicas: 2 }
  checkpoint: { every: 50 }
  output: { uri: pvc://models, modelName: corners }
  acceptance: { metric: accuracy, atLeast: ${atLeast} }
`;

const deploymentYaml = `---
apiVersion: modelyard.dev/v1alpha1
kind: ModelDeployment
metadata: { name: corners }
spec: { model: { trained: { name: corners }, task: Tensor } }
`;

let home: string;
let folder: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'modelyard-training-'));
  folder = join(home, '.modelyard');
  await mkdir(join(folder, 'volumes', 'data'), { recursive: true });
  await writeFile(join(folder, 'volumes', 'data', 'points.csv'), pointsAsCsv(600));
});

afterEach(() => rm(home, { recursive: true, force: true }));

/** A terminal in the folder of this test that finds this YAML on its standard input. */
const terminalWith = (yaml: string) => ({ ...scriptedTerminal(yaml, folder), env: process.env });
const log = createLog('operator', 'error');
const theJob = (session: Session): TrainingJob => session.cluster.all(trainingJobKind)[0] as TrainingJob;

test(
  '`modelyard run` trains with servers and workers of its own, ends with 0, and leaves model, figures and curve but no process',
  async () => {
    await writeFile(join(home, 'job.yaml'), jobYaml());
    const child = spawn('node', [join(root, 'cli', 'main.ts'), 'run', '-f', 'job.yaml'], {
      cwd: home,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
    const printed = await text(child.stdout);
    expect(await exited).toBe(0);
    expect(printed).toMatch(/^corners training \| \d+ %, step \d+ of 300, loss /m);
    expect(printed).toMatch(/^corners training \| Succeeded: /m);
    expect(printed).toMatch(/^corners training \| on the test split: .*accuracy (0\.9|1)/m);
    const [, model = ''] = /^corners training \| model: (.*)$/m.exec(printed) ?? [];
    expect(model).toMatch(/^\.modelyard\/volumes\/models\/corners\//);
    expect((await readdir(join(home, model))).sort()).toEqual(['config.json', 'model.onnx']);
    const curve = await readFile(join(folder, 'curves', 'corners.svg'), 'utf8');
    expect(curve).toMatch(/training[^]*validation/);
    expect(existsSync(join(folder, 'pods'))).toBe(false);
  },
  timeoutMs,
);

test(
  'what a job trained is served as soon as it is accepted',
  async () => {
    const answers: unknown[] = [];
    const ask = async (session: Session): Promise<void> => {
      const { http } = await session.endpoint('default', 'corners');
      const client = ModelClient.rest(`http://${http}`, { model: 'corners' });
      const data = [2, 0, 0, 2, 0, 0];
      const outputs = await client.predict({ features: { dataType: 'FP32', shape: [3, 2], data } });
      await client.close();
      const scores = Array.from(Object.values(outputs)[0]?.data as ArrayLike<number>);
      answers.push(
        ...[0, 1, 2].map((row) => scores.slice(3 * row, 3 * row + 3)).map((row) => row.indexOf(Math.max(...row))),
      );
    };
    const good = await run(terminalWith(jobYaml() + deploymentYaml), ['-'], { log, onReady: ask });
    expect([good, answers]).toEqual([true, [0, 1, 2]]);
  },
  timeoutMs,
);

test(
  'a killed server, a deleted worker and a pause change no bit of the model',
  async () => {
    const digests: unknown[] = [];
    for (const disturb of [undisturbed, disturbed]) {
      await rm(join(folder, 'volumes', 'models'), { recursive: true, force: true });
      const session = await Session.start({
        folder,
        appFolder: root,
        env: process.env,
        seed: process.pid,
        wholeLoopback: process.platform === 'linux',
        log,
        onLine: () => undefined,
      });
      try {
        const [{ object }] = (await readValid(['-'], Readable.from([jobYaml({ epochs: 800 })]))) as [Document];
        await session.apply(object);
        await disturb(session);
        await eventually(() => expect(theJob(session).status?.phase).toBe('Succeeded'), timeoutMs);
        digests.push(theJob(session).status?.output?.digest);
      } finally {
        await session.stop();
      }
    }
    expect(digests[0]).toMatch(/^sha256:/);
    expect(digests[1]).toBe(digests[0]);
  },
  2 * timeoutMs,
);

const undisturbed = (): Promise<void> => Promise.resolve();

async function disturbed(session: Session): Promise<void> {
  const pod = (name: string): KubeObject | undefined =>
    session.cluster.all(podKind).find(({ metadata }) => metadata.name === name);
  const steps = (): number => theJob(session).status?.step ?? 0;
  /** Resolves once steps are done again. */
  const progress = async (): Promise<void> => {
    const before = steps();
    await eventually(() => expect(steps()).toBeGreaterThan(before), timeoutMs, 20);
  };
  await progress();
  const server = pod('corners-ps-1');
  const pid = server && session.kubelet.pidOf(server);
  if (pid === undefined) throw new Error('no process of corners-ps-1');
  process.kill(pid, 'SIGKILL');
  await progress();
  expect(pod('corners-ps-1')?.status).toMatchObject({ containerStatuses: [{ restartCount: 1 }] });
  session.cluster.delete({ ...podKind, name: 'corners-worker-0', namespace: 'default' });
  await progress();
  const suspend = async (value: boolean): Promise<void> => {
    const { metadata, ...job } = theJob(session) as unknown as KubeObject;
    const { name, namespace = '', uid = '' } = metadata;
    const spec = { ...(job.spec as object), runPolicy: { backoffLimit: 6, suspend: value } };
    await session.client.replace({ ...job, metadata: { name, namespace, uid }, spec });
  };
  await suspend(true);
  await eventually(() => expect(theJob(session).status?.phase).toBe('Suspended'), timeoutMs, 20);
  expect(session.cluster.all(podKind)).toEqual([]);
  await suspend(false);
  await progress();
}

test.each([
  ['data that are not there', { data: 'none.csv' }, /corners training \| Failed: .*none\.csv/],
  ['a model that is not good enough', { epochs: 1, atLeast: 0.9999 }, /corners training \| refused: accuracy is /],
])(
  'with %s, `run` says so and is not content',
  async (_name, options, said) => {
    const terminal = terminalWith(jobYaml(options));
    expect(await run(terminal, ['-'], { log })).toBe(false);
    expect(terminal.printed.join('\n')).toMatch(said);
  },
  timeoutMs,
);
