import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { serverName, workerName, type ClusterOptions, type TrainingCluster } from '../support/training.ts';
import { convolutions, killPoints, perceptron, trained, type Run } from '../support/training-runs.ts';

type Meanwhile = (cluster: TrainingCluster) => Promise<void>;

interface Scenario {
  name: string;
  options: Omit<ClusterOptions, 'job' | 'data'>;
  meanwhile?: Meanwhile;
  /** Pods that die, and steps that may be computed again. */
  kills: number;
}

const counts = { servers: [1, 2, 3], workers: [1, 2, 3, 5] };

/** Kills pods at moments that nobody chose. */
const chaos =
  (kills: number): Meanwhile =>
  async (cluster) => {
    const pods = [serverName(0), serverName(1), workerName(0), workerName(1), workerName(2)];
    for (let kill = 0; kill < kills; kill++) {
      await delay(randomInt(1_500));
      await cluster.kill(pods[randomInt(pods.length)] ?? '');
    }
  };

const scenarios: Scenario[] = [
  ...counts.servers.flatMap((servers) =>
    counts.workers.map((workers) => ({
      name: `${servers} servers, ${workers} workers`,
      options: { servers, workers },
      kills: 0,
    })),
  ),
  ...killPoints.map((fault) => ({
    name: `${fault.pod} dies at ${fault.point}`,
    options: { servers: 2, workers: 2, faults: [fault] },
    kills: 1,
  })),
  {
    name: 'resized 1, 3, 2 workers',
    options: { servers: 2, workers: 1 },
    meanwhile: async (cluster) => {
      await cluster.reached(10);
      await cluster.resize(3);
      await cluster.reached(30);
      await cluster.resize(2);
    },
    kills: 0,
  },
  {
    name: 'suspended and resumed',
    options: { servers: 3, workers: 2 },
    meanwhile: async (cluster) => {
      await cluster.reached(15);
      await cluster.suspend();
      await cluster.resume(3);
    },
    kills: 0,
  },
  ...Array.from({ length: 5 }, (_, round) => ({
    name: `chaos ${round + 1}`,
    options: { servers: 2, workers: 3 },
    meanwhile: chaos(4),
    kills: 4,
  })),
];

const subjects = { perceptron, convolutions };

/**
 * Every number of workers and servers, every place where a pod may die, resizing, suspending, and kills at moments that nobody chose. Promises:
 * what a job makes is the same to the bit, and each kill has one step computed again at most.
 * @returns whether they were kept
 */
export async function trainingFaults(say: (line: string) => void): Promise<boolean> {
  let passed = true;
  for (const [subject, of] of Object.entries(subjects)) {
    const { sha256 } = await trained({ servers: 1, workers: 1, ...of });
    say(`${subject}: undisturbed ${sha256}`);
    for (const { name, options, meanwhile, kills } of scenarios) {
      const began = performance.now();
      const run = await trained({ ...options, ...of }, meanwhile).catch((error: unknown) => String(error));
      const fault = faultOf(run, sha256, kills);
      passed &&= fault === undefined;
      say(`${subject}: ${name}: ${fault ?? 'the same'} (${Math.round(performance.now() - began)} ms)`);
    }
  }
  return passed;
}

function faultOf(run: Run | string, sha256: string, kills: number): string | undefined {
  if (typeof run === 'string') return `FAILED ${run}`;
  if (run.sha256 !== sha256) return `FAILED: made ${run.sha256}`;
  if (run.recomputedSteps > kills) return `FAILED: ${run.recomputedSteps} steps were computed again`;
  if (run.deaths.length < Math.min(kills, 1)) return 'FAILED: nobody died';
  return undefined;
}
