import type { Slice } from '../layout.ts';
import type { Assignment } from '../messages.ts';
import { listOf, rangesOf } from '../ranges.ts';
import type { Reached } from '../server/fault-points.ts';
import { coverOf, leavesOf, type TreeNode } from '../sum-tree.ts';
import type { Contribution } from './engine-messages.ts';
import type { Engine } from './engine.ts';
import type { WorkerFaultPoint } from './fault-points.ts';
import { contributionOf, pieceLevel, type Round } from './gradient-round.ts';
import type { Claim, HeldVersions } from './held-versions.ts';
import type { RowSource } from './row-source.ts';
import type { ServerLink } from './server-link.ts';
import type { WorkerObserver } from './worker-metrics.ts';

export interface StepLoopOptions {
  engine: Pick<Engine, 'threads' | 'gradient' | 'add' | 'recycle'>;
  held: Pick<HeldVersions, 'claim' | 'mirrored' | 'keep'>;
  rows: Pick<RowSource, 'rowWeightOf' | 'rowsOf' | 'expect'>;
  links: readonly Pick<ServerLink, 'push'>[];
  /** Of each server. */
  slices: readonly Slice[];
  gradientShards: number;
  seed: number;
  reached: Reached<WorkerFaultPoint>;
  observer: WorkerObserver;
  /** In milliseconds. */
  now: () => number;
  failed: (error: unknown) => void;
}

interface HeldClaim extends Claim {
  isHere: boolean;
}

/** What is left to do in a step. */
interface Work {
  step: number;
  leaves: number[];
}

/** Computes what a worker is assigned, step after step, until the generation ends. */
export class StepLoop {
  readonly #options: StepLoopOptions;
  readonly #claims = new Map<number, HeldClaim>();
  /** Leaves that are computed or being computed, by step. */
  readonly #begun = new Map<number, Set<number>>();
  #assignments: readonly Assignment[] = [];
  /** Steps before it are over. */
  #first = 0;
  #hasEnded = false;
  /** When the last gradients were there; undefined while some are missing. */
  #computedAtMs: number | undefined;

  constructor(options: StepLoopOptions) {
    this.#options = options;
  }

  /** Replaces all that was assigned before. */
  follow(assignments: readonly Assignment[]): void {
    this.#assignments = assignments;
    this.#advance();
  }

  end(): void {
    this.#hasEnded = true;
    for (const claim of this.#claims.values()) claim.release();
    this.#claims.clear();
  }

  /** Begins what can be done with the versions at hand, and asks for the next one at once: it is sent as soon as it is made. */
  #advance(): void {
    while (!this.#hasEnded) {
      const work = this.#nextWork();
      if (!work) return;
      const claim = this.#claims.get(work.step);
      if (!claim) this.#pull(work.step);
      if (!claim?.isHere) return;
      this.#begin(work);
    }
  }

  #nextWork(): Work | undefined {
    for (const { from, until, leaves: ranges } of this.#assignments) {
      for (let step = Math.max(from, this.#first); step < until; step++) {
        const begun = this.#begun.get(step);
        const leaves = listOf(ranges).filter((leaf) => !begun?.has(leaf));
        if (leaves.length > 0 || !this.#claims.get(step)?.isHere) return { step, leaves };
      }
    }
    return undefined;
  }

  #pull(version: number): void {
    const claim: HeldClaim = { ...this.#options.held.claim(version), isHere: false };
    this.#claims.set(version, claim);
    void claim.ended.then((how) => {
      if (this.#hasEnded || how === 'Dropped') return;
      claim.isHere = how === 'Here';
      if (claim.isHere) this.#measureWait();
      this.#passTo(claim.isHere ? version : version + 1);
      this.#advance();
    });
  }

  #measureWait(): void {
    const { observer, now } = this.#options;
    if (this.#computedAtMs !== undefined) observer.waited(now() - this.#computedAtMs);
    this.#computedAtMs = undefined;
  }

  /** Whoever has a version knows that all steps before it are over. */
  #passTo(step: number): void {
    this.#first = Math.max(this.#first, step);
    for (const [version, claim] of this.#claims) {
      if (version >= this.#first) continue;
      claim.release();
      this.#claims.delete(version);
    }
    for (const begun of this.#begun.keys()) if (begun < this.#first) this.#begun.delete(begun);
  }

  #begin({ step, leaves }: Work): void {
    const { engine, held, rows, gradientShards, seed, observer, now, failed } = this.#options;
    this.#begun.set(step, new Set([...(this.#begun.get(step) ?? []), ...leaves]));
    const { parameters, release } = held.claim(step);
    const round: Round = {
      parameters,
      step,
      seed,
      rowWeight: rows.rowWeightOf(step),
      leaves: gradientShards,
      rowsOf: (leaf) => rows.rowsOf(step, leaf),
    };
    const level = pieceLevel(leaves.length, engine.threads);
    const nodes = rangesOf(leaves).flatMap(({ from, to }) => coverOf(from, to, gradientShards));
    const computed = nodes.map((node) => ({ node, contribution: contributionOf(node, level, round, engine) }));
    const beganAtMs = now();
    void Promise.allSettled(computed.map(({ contribution }) => contribution)).then(() => {
      release();
      this.#computedAtMs = now();
      observer.computed(this.#computedAtMs - beganAtMs);
    });
    for (const { node, contribution } of computed) {
      this.#deliver(step, node, contribution).catch((error: unknown) => this.#hasEnded || failed(error));
    }
    // Reading takes this thread a while: not before the work of this step is with the engine.
    setImmediate(() => this.#hasEnded || rows.expect(step + 1, this.#leavesOf(step + 1)));
  }

  async #deliver(step: number, node: TreeNode, computed: Promise<Contribution>): Promise<void> {
    const { engine, held, links, slices, gradientShards, reached, observer } = this.#options;
    const contribution = await computed;
    // A server that pushes are sent to is one whose mirror has the version that they are for.
    await held.mirrored(step);
    if (this.#hasEnded) {
      engine.recycle(contribution);
      return;
    }
    await reached('WorkerBeforePush', step);
    const { loss, vector } = contribution;
    const { from, to } = leavesOf(node, gradientShards);
    const needless = to - from === gradientShards ? held.keep(step, vector) : Promise.resolve();
    const acknowledged = await Promise.all(
      links.map((link, server) =>
        link.push(step, node, loss, vector.values.subarray(slices[server]?.from, slices[server]?.to)),
      ),
    );
    void needless.then(() => engine.recycle(contribution));
    if (!acknowledged.every(Boolean)) return;
    await reached('WorkerAfterPush', step);
    observer.pushed(step, to - from);
  }

  #leavesOf(step: number): number[] {
    const { leaves = [] } = this.#assignments.find(({ from, until }) => from <= step && step < until) ?? {};
    return listOf(leaves);
  }
}
