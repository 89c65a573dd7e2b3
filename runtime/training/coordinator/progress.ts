import type { JobProgress, TrainingFault, TrainingOutcome, TrainingReport } from '../../training-contract.ts';
import { stepsPerEpoch, totalSteps, type BatchPlan } from '../batches.ts';
import type { Ledger } from './ledger.ts';
import type { Members } from './members.ts';
import type { PreparedJob } from './options.ts';
import { Rate } from './rate.ts';

/** Points of the loss curve in a report. */
const historyPoints = 64;

/** How it goes, for the report. */
export class Progress {
  readonly #members: Members;
  readonly #rate: Rate;
  phase: TrainingReport['phase'] = 'Preparing';
  /** Steps done on every server. */
  steps = 0;
  outcome: TrainingOutcome | undefined;
  #checkpointStep: number | undefined;
  #fault: TrainingFault | undefined;
  /** Since the last step. */
  #obstacle: TrainingFault | undefined;
  #known: { prepared: PreparedJob; ledger: Ledger; plan: BatchPlan } | undefined;

  constructor(members: Members, now: () => number) {
    this.#members = members;
    this.#rate = new Rate(now);
  }

  prepared(prepared: PreparedJob, ledger: Ledger, plan: BatchPlan): void {
    this.#known = { prepared, ledger, plan };
    this.phase = 'Waiting';
  }

  /** Something outside is the matter, or is not any more. */
  readonly trouble = (fault: TrainingFault | undefined): void => {
    this.#fault = fault;
  };

  /** Something keeps training from going on, though everybody is there: until the next step. */
  hindered(fault: TrainingFault): void {
    this.#obstacle = fault;
  }

  /** The newest checkpoint, of which nothing but its version is known where another incarnation wrote it. */
  checkpointed(version: number | undefined): void {
    this.#checkpointStep = version;
    this.steps = Math.max(this.steps, version ?? 0);
  }

  /** Training goes on from here. */
  resume(steps: number): void {
    this.phase = 'Running';
    this.steps = steps;
    this.#rate.restart();
  }

  advance(steps: number, samples: number): void {
    this.steps = steps;
    this.#obstacle = undefined;
    this.#rate.add(samples);
  }

  report(): Pick<TrainingReport, 'phase' | 'fault' | 'job' | 'outcome'> {
    const isOver = this.phase === 'Succeeded' || this.phase === 'Failed';
    const fault = isOver ? undefined : (this.#fault ?? this.#lack() ?? this.#obstacle);
    return {
      phase: this.phase === 'Running' && this.#members.workers.length === 0 ? 'Waiting' : this.phase,
      ...(fault && { fault }),
      job: this.#job(),
      ...(this.outcome && { outcome: this.outcome }),
    };
  }

  /** Who is waited for. */
  #lack(): TrainingFault | undefined {
    if (this.phase !== 'Waiting' && this.phase !== 'Running') return undefined;
    const { absent, workers } = this.#members;
    if (absent.length > 0) {
      return {
        reason: 'WaitingForServers',
        message: `parameter servers ${absent.join(', ')} are not connected; training goes on when they are`,
        retrying: true,
      };
    }
    if (workers.length > 0) return undefined;
    return {
      reason: 'WaitingForWorkers',
      message: 'no worker is connected; training goes on with the first one',
      retrying: true,
    };
  }

  #job(): JobProgress {
    const { steps } = this;
    const [members, known, checkpointStep] = [this.#members, this.#known, this.#checkpointStep];
    const connected = {
      connectedServers: members.servers.length,
      connectedWorkers: members.workers.length,
      ...(checkpointStep !== undefined && { checkpointStep }),
    };
    if (!known) {
      return {
        step: steps,
        totalSteps: 0,
        epoch: 1,
        validationMetrics: {},
        recomputedSteps: 0,
        history: [],
        ...connected,
      };
    }
    const { prepared, ledger, plan } = known;
    const total = totalSteps(plan);
    const loss = ledger.history.recentLoss;
    const samplesPerSecond = this.phase === 'Running' ? this.#rate.perSecond : undefined;
    const samplesLeft = (total - steps) * (plan.rows / stepsPerEpoch(plan));
    return {
      step: steps,
      totalSteps: total,
      epoch: Math.min(plan.epochs, Math.floor(steps / stepsPerEpoch(plan)) + 1),
      ...(loss !== undefined && { loss }),
      validationMetrics: ledger.evaluations.at(-1)?.metrics ?? {},
      ...(samplesPerSecond !== undefined && {
        samplesPerSecond,
        remainingSeconds: samplesLeft / samplesPerSecond,
      }),
      recomputedSteps: ledger.recomputedSteps,
      history: ledger.history.points(historyPoints, ledger.evaluations),
      rows: prepared.rows,
      badRows: prepared.badRows,
      ...connected,
    };
  }
}
