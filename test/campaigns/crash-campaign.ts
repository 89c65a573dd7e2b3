import { mkdtemp, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { stringify } from 'yaml';
import { HttpClient } from '../../operator/kube/http-client.ts';
import { connect } from '../../operator/kube/kube-config.ts';
import { startCluster, type Cluster } from '../cluster/cluster.ts';
import { installCrds, restrictedNamespace } from '../cluster/fixtures.ts';
import { PodPlayer } from '../cluster/pod-player.ts';
import { PodScript } from '../support/pod-script.ts';
import { startFaultProxy, type Fault, type FaultMode, type SeenWrite } from '../support/fault-proxy.ts';
import { slotsFor, type Slots } from '../support/slots.ts';
import { ClusterTrace, type Counts } from './cluster-trace.ts';
import { crashScenario } from './crash-scenario.ts';
import { differences, flatState, type FlatState } from './end-state.ts';
import { OperatorProcess } from './operator-process.ts';
import { reportServer } from './report-server.ts';

export const faultModes: readonly FaultMode[] = ['before', 'after', 'lost'];

export interface CampaignOptions {
  /** Which of the faults that a reference run of so many writes allows. */
  plans: (writes: number) => Fault[];
  /** Scenarios at the same time. */
  parallel: number;
  /** How long nothing may be written once a scenario is over. */
  quietMs: number;
  /** The tree whose operator runs. Default: this one. */
  root?: string;
  say: (line: string) => void;
}

export interface PlanResult {
  plan: Fault;
  /** Empty: as if nothing had happened. */
  faults: string[];
  /** Whether its write came. */
  struck: boolean;
}

export interface CampaignResult {
  /** Of the API server. */
  version: string;
  /** The writes of a reference run, in order. */
  writes: string[];
  /** Fields that differ between undisturbed runs, and so are not compared. */
  masked: string[];
  results: PlanResult[];
}

interface Outcome {
  writes: readonly SeenWrite[];
  counts: Counts;
  state: FlatState;
  faults: string[];
  struck: boolean;
}

interface Stage {
  cluster: Cluster;
  client: HttpClient;
  trace: ClusterTrace;
  /** What becomes of pods, and what those of jobs report. */
  script: PodScript;
  player: PodPlayer;
  reports: string;
  folder: string;
}

const referenceRuns = 3;
const patienceMs = 180_000;
/** The share of writes that a run may do without: a status that changes twice in a short time is written once or twice. */
const writesThatVary = 0.1;
/** A write that comes later than this after the last step of the scenario belongs to none of its steps. */
const settleMs = 15_000;

/**
 * Runs one scenario undisturbed, three times, and then once for each plan, each time in a namespace of its own with an
 * operator process and a proxy of its own. Compared are the end state, the creations and deletions of each object, and
 * that nothing is written afterwards.
 */
export async function crashCampaign(options: CampaignOptions): Promise<CampaignResult> {
  const cluster = await startCluster({ node: 'kwok' });
  try {
    // Goes with the cluster, also when this process is killed.
    const folder = await mkdtemp(join(dirname(cluster.kubeconfig), 'campaign-'));
    await installCrds(cluster.kubectl);
    const client = new HttpClient(await connect({ path: cluster.kubeconfig }), { fieldManager: 'user' });
    const trace = new ClusterTrace(client);
    trace.start();
    const script = new PodScript();
    const player = await PodPlayer.start(cluster.kubeconfig, (pod) => script.fateOf(pod));
    const reports = await reportServer(player, trace, script);
    try {
      return await runPlans({ cluster, client, trace, script, player, reports: reports.url, folder }, options);
    } finally {
      await reports.close();
      await player.stop();
      await trace.stop();
      await client.close();
    }
  } finally {
    await cluster.stop();
  }
}

async function runPlans(stage: Stage, options: CampaignOptions): Promise<CampaignResult> {
  const { say } = options;
  const slots = slotsFor(options.parallel);
  const names = Array.from({ length: referenceRuns }, (_, index) => `reference-${index + 1}`);
  const references = await Promise.all(names.map((name) => runOnce(stage, options, name, slots)));
  const [first] = references;
  if (first === undefined) throw new Error('no reference run');
  const masked = [...new Set(references.flatMap(({ state }) => differences(first.state, state)))];
  const writes = first.writes.map(({ what }) => what.replaceAll(names[0] ?? '', 'NAMESPACE'));
  say(`${writes.length} writes undisturbed; ${masked.length} fields differ between undisturbed runs`);
  const disturbed = references.flatMap(({ faults, counts }) => [
    ...faults,
    ...(JSON.stringify(counts) === JSON.stringify(first.counts)
      ? []
      : ['the reference runs differ in what they create']),
  ]);
  if (disturbed.length > 0) throw new Error(`the scenario fails undisturbed: ${disturbed.join('; ')}`);

  const least = Math.min(...references.map((reference) => reference.writes.length));
  const plans = options.plans(least);
  let done = 0;
  const results = await Promise.all(
    plans.map(async (plan): Promise<PlanResult> => {
      const outcome = await runOnce(stage, options, `${plan.mode}-${plan.write}`, slots, plan, least);
      const faults = [...outcome.faults, ...compare(first, outcome, new Set(masked))];
      done += 1;
      if (faults.length > 0 || done % 10 === 0) {
        say(
          `${done}/${plans.length} ${plan.mode} write ${plan.write}: ${faults.length === 0 ? 'as undisturbed' : faults.join('; ')}`,
        );
      }
      return { plan, faults, struck: outcome.struck };
    }),
  );
  return { version: stage.cluster.version, writes, masked, results };
}

function compare(reference: Outcome, outcome: Outcome, masked: Set<string>): string[] {
  const names = new Set([...Object.keys(reference.counts), ...Object.keys(outcome.counts)]);
  const counts = [...names].flatMap((name) => {
    const [expected, found] = [reference.counts[name], outcome.counts[name]].map((count) => JSON.stringify(count));
    return expected === found ? [] : [`${name}: ${found ?? 'never'} instead of ${expected ?? 'never'}`];
  });
  const fields = differences(reference.state, outcome.state)
    .filter((path) => !masked.has(path))
    .map(
      (path) => `${path}: ${outcome.state.get(path) ?? 'absent'} instead of ${reference.state.get(path) ?? 'absent'}`,
    );
  return [...counts, ...fields];
}

/**
 * Runs the scenario once, with at most one fault. The slot is given back before the quiet time.
 *
 * @param least how many writes there are undisturbed
 */
async function runOnce(
  { cluster, client, trace, script, player, reports, folder }: Stage,
  { quietMs, root }: CampaignOptions,
  namespace: string,
  slots: Slots,
  fault?: Fault,
  least = 0,
): Promise<Outcome> {
  await slots.take();
  let isHeld = true;
  const letGo = () => {
    if (isHeld) slots.give();
    isHeld = false;
  };
  const faults: string[] = [];
  const kubeconfig = join(folder, `${namespace}.kubeconfig`);
  const operator = new OperatorProcess({
    kubeconfig,
    namespace,
    reports,
    log: join(folder, `${namespace}.log`),
    ...(root === undefined ? {} : { root }),
  });
  const proxy = await startFaultProxy({
    kubeconfig: cluster.kubeconfig,
    ...(fault === undefined ? {} : { fault }),
    kill: async () => {
      await operator.kill();
      operator.start();
    },
  });
  try {
    await writeFile(kubeconfig, plainKubeconfig(proxy.url));
    await client.create(restrictedNamespace(namespace));
    operator.start();
    await crashScenario({ client, trace, script, player, namespace, patienceMs });
    letGo();
    const overMs = performance.now();
    const lastMs = () => proxy.writes().at(-1)?.atMs ?? overMs;
    while (performance.now() - Math.max(lastMs(), overMs) < quietMs && lastMs() < overMs + settleMs) await delay(100);
    if (lastMs() >= overMs + settleMs) faults.push(`still writes: ${proxy.writes().at(-1)?.what ?? ''}`);
    const isSure = fault !== undefined && fault.write <= (1 - writesThatVary) * least;
    if (isSure && !proxy.struck()) faults.push('the write of this plan never came');
    if (operator.crashes > 0) faults.push('the operator ended by itself');
  } catch (error) {
    faults.push(error instanceof Error ? error.message : String(error));
  } finally {
    letGo();
    await operator.kill();
    await proxy.close();
  }
  const state = flatState(trace.objects(namespace), namespace);
  const counts = trace.counts(namespace);
  // Its pods take room on the node.
  await client.remove({ apiVersion: 'v1', kind: 'Namespace', name: namespace });
  return { writes: proxy.writes(), counts, state, faults, struck: proxy.struck() };
}

function plainKubeconfig(server: string): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    // client-node takes plain HTTP only with this.
    clusters: [{ name: 'proxy', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'nobody', user: {} }],
    contexts: [{ name: 'proxy', context: { cluster: 'proxy', user: 'nobody' } }],
    'current-context': 'proxy',
  });
}
