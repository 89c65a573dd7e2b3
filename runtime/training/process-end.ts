import { exitCodes } from '../contract.ts';
import { maxWordBytes } from '../last-words.ts';
import { trainingExitCodes, type TrainingOutcome } from '../training-contract.ts';

/** How a training process ends. */
export interface ProcessEnd {
  exitCode: number;
  /** For the kubelet and, through it, the operator. */
  lastWords?: string;
}

/** Of the process that knows how the job ended, or why it cannot. */
export function endWith(outcome: TrainingOutcome): ProcessEnd {
  const exitCode = outcome.succeeded ? exitCodes.ok : trainingExitCodes.failed;
  return { exitCode, lastWords: shortened(outcome) };
}

/** The outcome as JSON that the kubelet keeps whole, however long its message is. */
function shortened(outcome: TrainingOutcome): string {
  const text = JSON.stringify(outcome);
  const { message } = outcome;
  if (Buffer.byteLength(text) <= maxWordBytes || message === '') return text;
  return shortened({ ...outcome, message: message.slice(0, Math.floor(message.length * 0.9)) });
}
