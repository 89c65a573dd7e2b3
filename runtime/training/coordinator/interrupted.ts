import type { TrainingReason } from '../../training-contract.ts';

/** The generation cannot go on: somebody whose state matters is lost, came back, or wants to stop. Another one begins. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  readonly code = 'Interrupted';
  /** What it is called where it happens again and again. */
  readonly reason: TrainingReason;

  constructor(message: string, reason: TrainingReason = 'WaitingForServers') {
    super(message);
    this.reason = reason;
  }
}
