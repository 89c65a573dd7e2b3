import { performance } from 'node:perf_hooks';
import { createLog } from '../../lib/log.ts';
import { stopSignal } from '../../lib/signals.ts';
import { exitCodes } from '../contract.ts';
import { ConfigurationError, TrainingFailure } from '../errors.ts';
import { sayLastWords, terminationLog } from '../last-words.ts';
import { exactProducts } from '../onnx/exact-products.ts';
import { trainingEnv } from '../training-contract.ts';
import { readTrainingConfig } from './config.ts';
import { readJobFile } from './job-file.ts';
import { endWith, type ProcessEnd } from './process-end.ts';
import { exitNow } from './process-exit.ts';
import type { RoleOptions } from './process-role.ts';
import { startTraining, type Training } from './process.ts';

/** All that a training process does, from its environment to its exit code. */
export async function runTraining(process: NodeJS.Process, reached: RoleOptions['reached']): Promise<never> {
  let training: Training | undefined;
  const end = ({ exitCode, lastWords }: ProcessEnd): never => {
    if (lastWords !== undefined) sayLastWords(lastWords, process.env[trainingEnv.terminationLog] ?? terminationLog);
    return exitNow(process, exitCode, training?.isRunning() ?? false);
  };
  const die = (error: unknown): never => end(endOfError(error));
  process.on('uncaughtException', die);
  process.on('unhandledRejection', die);
  const stop = stopSignal(process);
  process.env.NVIDIA_TF32_OVERRIDE ??= exactProducts.NVIDIA_TF32_OVERRIDE;
  try {
    const config = readTrainingConfig(process.env);
    training = await startTraining({
      config,
      job: readJobFile(config.jobFile),
      environment: process.env,
      now: () => performance.timeOrigin + performance.now(),
      date: () => new Date(),
      random: Math.random,
      log: createLog('modelyard-trainer', config.logLevel),
      reached,
    });
    const running = training;
    if (stop.signal.aborted) running.stop();
    else stop.signal.addEventListener('abort', () => running.stop());
    return end(await running.ended);
  } catch (error) {
    return die(error);
  }
}

function endOfError(error: unknown): ProcessEnd {
  if (error instanceof ConfigurationError) return { exitCode: exitCodes.badConfiguration, lastWords: error.message };
  if (error instanceof TrainingFailure) {
    const { reason, message, retrying } = error.fault;
    return retrying ? { exitCode: exitCodes.bug, lastWords: message } : endWith({ succeeded: false, reason, message });
  }
  return {
    exitCode: exitCodes.bug,
    lastWords: error instanceof Error ? (error.stack ?? error.message) : String(error),
  };
}
