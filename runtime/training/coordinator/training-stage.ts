import { isDeepStrictEqual } from 'node:util';
import type { Reached } from '../server/fault-points.ts';
import type { Slice } from '../layout.ts';
import { float64Of } from '../transport/connection.ts';
import { clipScale } from '../update-rule.ts';
import { listOf, rangesOf } from '../ranges.ts';
import { planWork, type Plan } from './assignment.ts';
import type { Members } from './members.ts';
import { until } from './until.ts';

export interface StageContext {
  members: Members;
  generation: number;
  /** Aborted when this generation is over. */
  signal: AbortSignal;
  /** Ends this generation. */
  abort(reason: unknown): void;
  /** In order of the servers. */
  incarnations: number[];
  reached: Reached;
}

export interface TrainingStageOptions extends StageContext {
  /** Steps from here to below `until`. */
  from: number;
  until: number;
  leaves: number;
  clipNorm: number | undefined;
  /** So many steps are done on every server. */
  onStep(steps: number): void;
}

/** Has the workers do steps until all are done. Whoever joins takes part from the next step, whoever leaves is replaced in this one. */
export class TrainingStage {
  readonly #options: TrainingStageOptions;
  /** The newest version of each server. */
  readonly #versions: number[];
  #plans = new Map<number, Plan>();
  /** Answers to the question which leaves of a step are missing. */
  #answers: { step: number; servers: Map<number, Slice[]>; done: () => void } | undefined;
  #norms: { step: number; servers: Map<number, Float64Array> } | undefined;
  #planning = false;
  #stale = false;
  /** From this step on those who are there have all leaves between them. */
  #wholeFrom = Infinity;
  /** Nobody was given anything yet. */
  #fresh = true;

  constructor(options: TrainingStageOptions) {
    this.#options = options;
    this.#versions = options.incarnations.map(() => options.from);
  }

  /** Rejects where the generation ends before. */
  async run(): Promise<void> {
    const { members, signal, from, until: end } = this.#options;
    if (from >= end) return;
    await until<undefined>(signal, (resolve, reject) => {
      const replan = (): void => void this.#replan().catch(reject);
      const stop = members.listen({
        workerJoined: replan,
        workerLeft: ({ index }) => {
          if (this.#plans.delete(index)) this.#wholeFrom = Infinity;
          replan();
        },
        serverSaid: (server, message, payload) => {
          if ('generation' in message && message.generation !== this.#options.generation) return;
          if (message.type === 'applied') {
            if (this.#applied(server.index, message.version)) resolve(undefined);
          } else if (message.type === 'missing') {
            this.#answered(server.index, message.step, message.leaves);
          } else if (message.type === 'norms') {
            this.#measured(server.index, message.step, float64Of(payload));
          }
        },
      });
      replan();
      return stop;
    });
  }

  get #step(): number {
    return Math.min(...this.#versions);
  }

  /** True: all is done. */
  #applied(server: number, version: number): boolean {
    const before = this.#step;
    this.#versions[server] = version;
    const step = this.#step;
    if (step > before) this.#options.onStep(step);
    // Those who were asked what is missing need not answer any more.
    if (this.#answers && step > this.#answers.step) this.#answers.done();
    return step >= this.#options.until;
  }

  /** One after the other; one that is asked for meanwhile comes after this one. */
  async #replan(): Promise<void> {
    this.#stale = true;
    if (this.#planning) return;
    this.#planning = true;
    while (this.#stale) {
      this.#stale = false;
      await this.#plan();
    }
    this.#planning = false;
  }

  async #plan(): Promise<void> {
    const { members, generation, signal, leaves, incarnations, reached } = this.#options;
    const asked = this.#fresh || this.#step >= this.#wholeFrom ? undefined : await this.#missing();
    if (signal.aborted) return;
    const step = this.#step;
    const workers = members.workers;
    if (workers.length === 0) return;
    const before = this.#plans;
    this.#plans = planWork({
      leaves,
      servers: incarnations.length,
      step,
      until: this.#options.until,
      workers: workers.map(({ index }) => index),
      before,
      missing: this.#fresh ? undefined : asked?.step === step ? asked.leaves : [],
    });
    this.#fresh = false;
    // Where the step that was asked about ended meanwhile, nobody knows yet what is missing of the one that goes on.
    const unknown = asked !== undefined && asked.step !== step;
    this.#wholeFrom = unknown ? step + 1 : step;
    if (unknown) this.#stale = true;
    for (const { index, connection } of workers) {
      const plan = this.#plans.get(index);
      // Of many more workers than leaves most have nothing to do, whoever joins.
      if (!plan || isDeepStrictEqual(plan, before.get(index))) continue;
      void connection.send({ type: 'plan', generation, ...plan });
    }
    const pause = reached('CoordinatorAssigned', step);
    if (pause) await pause;
  }

  /** Leaves of the present step that any server lacks. */
  async #missing(): Promise<{ step: number; leaves: Slice[] }> {
    const { members, generation } = this.#options;
    const step = this.#step;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const servers = new Map<number, Slice[]>();
    this.#answers = { step, servers, done: () => resolve(undefined) };
    members.toServers({ type: 'askMissing', generation, step });
    await promise;
    this.#answers = undefined;
    return { step, leaves: rangesOf([...servers.values()].flatMap(listOf)) };
  }

  #answered(server: number, step: number, leaves: Slice[]): void {
    const answers = this.#answers;
    if (answers?.step !== step) return;
    answers.servers.set(server, leaves);
    if (answers.servers.size === this.#versions.length) answers.done();
  }

  /** Blocks are added in the order of the flat vector, whatever the number of servers. */
  #measured(server: number, step: number, blocks: Float64Array): void {
    const { members, generation, clipNorm } = this.#options;
    if (this.#norms?.step !== step) this.#norms = { step, servers: new Map() };
    const { servers } = this.#norms;
    servers.set(server, blocks);
    if (servers.size < this.#versions.length) return;
    let sum = 0;
    for (let index = 0; index < this.#versions.length; index++) {
      for (const block of servers.get(index) ?? []) sum += block;
    }
    members.toServers({ type: 'scale', generation, step, scale: clipScale(sum, clipNorm) });
  }
}
